# Builds the shim, the analyzer, their tests and the sample services; `make help` lists what can be asked for.
# Sources are found by where they stand: a new file needs no line here.

VERSION = 0.1.0

# Settings, for the command line: make V=1 CC=clang SAN=address,undefined PREFIX=/usr DESTDIR=stage
ifeq ($(origin CC),default)
CC = gcc
endif
SAN =
# Lines are all that a sanitizer says. Below -O2 gcc puts 64-byte alignments at odd places of the stack that it watches.
CFLAGS ?= $(if $(SAN),-O2 -g1,-O2 -g)
PREFIX ?= /usr/local
LIBDIR = lib# below PREFIX
PKGCONFIGDIR = lib/pkgconfig# the same
WERROR = 1
V = 0

# Each compiler and each sanitizer that lint and test ask for has its own tree of objects.
comma := ,
BUILD = build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-6s %s\n' $1 $2)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:
.SUFFIXES:

# Sources
SHIM := $(sort $(shell find shim -name '*.c'))
TEXT := $(filter shim/text/%,$(SHIM))# pure; the analyzer has it too
ANALYZER := $(sort $(shell find analyzer -name '*.c'))
PAGE := $(sort $(wildcard analyzer/ui/*.js*) $(shell find analyzer/ui/src -type f))
PROTO := $(sort $(shell find analyzer -name '*.proto'))
# ThreadSanitizer has something to say where there are threads: of the shim, and where the analyzer searches memory.
UNIT := $(if $(filter thread,$(SAN)),$(wildcard tests/unit/shim_*.c) tests/unit/test_regions.c,$(wildcard tests/unit/*.c))
UNIT_COMMON := $(wildcard tests/unit/common/*.c)
SERVICE := $(wildcard tests/services/*.c)
SERVICE_COMMON := $(wildcard tests/services/common/*.c)
PROGRAM := $(wildcard tests/programs/*.c tests/programs/*.cc)
PLUGIN := $(wildcard tests/plugins/*.c)
FUZZ := $(wildcard tests/fuzz/*.c)
WORKLOAD := $(wildcard tests/bench/*.c)
WORKLOAD_COMMON := $(wildcard tests/bench/common/*.c)
WORKLOAD_PRELOAD := $(wildcard tests/bench/preload/*.c)
SOURCES := $(SHIM) $(ANALYZER) $(UNIT) $(UNIT_COMMON) $(SERVICE) $(SERVICE_COMMON) $(PROGRAM) $(PLUGIN) $(FUZZ) \
	$(WORKLOAD) $(WORKLOAD_COMMON) $(WORKLOAD_PRELOAD)

objects = $(patsubst %,$(BUILD)/obj/%.o,$(basename $1))
# What a test source says of itself in its first lines: `// libs: -lhiredis`, `// links: shim/capture/ring.c`,
# `// flags: -fno-inline`.
header = $(shell sed -n '1,10s|^// *$1: *||p' $2)

# Flags
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 \
	-Wimplicit-fallthrough -Wdate-time $(if $(filter 1,$(WERROR)),-Werror)
SANITIZE = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
HARDEN = -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
COMMON_FLAGS = -std=gnu11 $(WARNINGS) $(CPPFLAGS) $(CFLAGS)
C_ALONE = -std=gnu11 -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition# C++ has no such thing

# The shim must not be bent by the compiler's knowledge of malloc, must not allocate for its thread-locals, and must
# be unwindable.
# The shim is one unit to the compiler: what is written in small pieces runs as one. Tests link the pieces as they are.
SHIM_WHOLE = $(if $(or $(findstring clang,$(CC)),$(SAN)),,-flto --param max-inline-insns-auto=40 --param inline-min-speedup=10)
SHIM_FLAGS = $(if $(SHIM_WHOLE),$(SHIM_WHOLE) -ffat-lto-objects) -Ishim -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-semantic-interposition \
	-fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free \
	-fasynchronous-unwind-tables -fcf-protection=none $(SANITIZE)
SHIM_LINK = -shared -Wl,-soname,libleakey.so -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,--no-undefined \
	-Wl,--version-script=$(BUILD)/exports.map
# Asked once, and only when something is compiled: on a fresh machine GLib comes with install-deps.
GLIB = $(eval GLIB := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags glib-2.0)))$(GLIB)
ANALYZER_FLAGS = -Ishim -Ianalyzer -I$(BUILD)/embedded -isystem $(BUILD)/proto $(GLIB) -DLEAKEY_VERSION='"$(VERSION)"' \
	-DLEAKEY_PAGE='"$(PAGE_BUNDLE)"' -pthread $(HARDEN) $(SANITIZE)
ANALYZER_LINK = -fno-lto -pthread -Wl,-z,now -Wl,-z,relro $(SANITIZE)
ANALYZER_LIBS = $(addprefix -l,glib-2.0 dw elf jansson ncursesw microhttpd protobuf-c sqlite3 z m stdc++)
UNIT_FLAGS = -Ishim -Ianalyzer -Itests/unit -isystem $(BUILD)/proto $(GLIB) -DLEAKEY_VERSION='"$(VERSION)"' -pthread $(SANITIZE)
SERVICE_FLAGS = -O1 -pthread
PROGRAM_FLAGS = -O1 -pthread
# As a distribution builds programs: optimised, without frame pointers. Some are linked with objects of the shim.
WORKLOAD_FLAGS = -O2 -pthread -Ishim

$(BUILD)/obj/shim/% $(BUILD)/tidy/shim/%: FLAGS = $(COMMON_FLAGS) $(SHIM_FLAGS)
# Assembly speaks of names that a compiler of the whole does not see there.
$(BUILD)/obj/shim/deepbind.o: FLAGS = $(COMMON_FLAGS) $(SHIM_FLAGS) -fno-lto
$(BUILD)/obj/shim/cache/text_wide.o $(BUILD)/tidy/shim/cache/text_wide.ok: FLAGS = $(COMMON_FLAGS) $(SHIM_FLAGS) \
	$(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-mavx2)
$(BUILD)/obj/analyzer/% $(BUILD)/tidy/analyzer/%: FLAGS = $(COMMON_FLAGS) $(ANALYZER_FLAGS)
$(BUILD)/obj/tests/unit/% $(BUILD)/tidy/tests/unit/% $(BUILD)/obj/tests/fuzz/%: FLAGS = $(COMMON_FLAGS) $(UNIT_FLAGS)
$(BUILD)/obj/tests/services/%: FLAGS = $(COMMON_FLAGS) $(SERVICE_FLAGS) $(call header,flags,$<)
$(BUILD)/obj/tests/programs/%: FLAGS = $(COMMON_FLAGS) $(PROGRAM_FLAGS) $(call header,flags,$<)
$(BUILD)/obj/tests/plugins/%: FLAGS = $(COMMON_FLAGS) $(PROGRAM_FLAGS) -fPIC $(call header,flags,$<)
$(BUILD)/obj/tests/bench/%: FLAGS = $(COMMON_FLAGS) $(WORKLOAD_FLAGS) $(call header,flags,$<)
$(BUILD)/obj/tests/bench/preload/%: FLAGS = $(COMMON_FLAGS) $(WORKLOAD_FLAGS) -fPIC

# A stamp is as old as the last change of what it holds: flags make objects old, the lists of sources make programs old.
define FLAGS_STAMP
$(CC) $(COMMON_FLAGS) | $(SHIM_FLAGS) | $(ANALYZER_FLAGS) | $(UNIT_FLAGS) | $(SERVICE_FLAGS) | $(PROGRAM_FLAGS) \
	| $(WORKLOAD_FLAGS)
endef
define LINK_STAMP
$(FLAGS_STAMP) | $(SHIM_LINK) | $(ANALYZER_LINK) | $(ANALYZER_LIBS) | $(LDFLAGS) \
	| $(SHIM) $(ANALYZER) $(UNIT_COMMON) $(SERVICE_COMMON) $(WORKLOAD_COMMON)
endef
$(BUILD)/flags.stamp: STAMP = $(FLAGS_STAMP)
$(BUILD)/link.stamp: STAMP = $(LINK_STAMP)
$(BUILD)/%.stamp: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(STAMP))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(STAMP))' >$@
FORCE:

# Objects
$(BUILD)/obj/%.o: %.c $(BUILD)/flags.stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -MMD -MP -c $< -o $@
$(BUILD)/obj/%.o: %.cc $(BUILD)/flags.stamp
	$(call say,C++,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu++17 $(filter-out $(C_ALONE),$(FLAGS)) -MMD -MP -c $< -o $@
-include $(patsubst %.o,%.d,$(call objects,$(SOURCES)))

# Messages of protobuf: X.proto gives X.pb-c.[ch].
PROTO_OBJECTS := $(patsubst analyzer/%.proto,$(BUILD)/obj/proto/%.pb-c.o,$(PROTO))
$(BUILD)/proto/%.pb-c.c $(BUILD)/proto/%.pb-c.h &: analyzer/%.proto
	$(call say,PROTO,$<)
	@mkdir -p $(BUILD)/proto
	$(Q)protoc-c --proto_path=analyzer --c_out=$(BUILD)/proto $<
$(PROTO_OBJECTS): $(BUILD)/obj/proto/%.o: $(BUILD)/proto/%.c $(BUILD)/flags.stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -W%,$(COMMON_FLAGS) $(ANALYZER_FLAGS)) -c $< -o $@
$(call objects,$(filter analyzer/export/% tests/unit/test_export%,$(ANALYZER) $(UNIT))): $(patsubst analyzer/%.proto,$(BUILD)/proto/%.pb-c.h,$(PROTO))

# The SQL of databases stands in files of its own and is compiled in: X.c finds analyzer/…/X.sql as a string, X_sql, in
# X.sql.h.
EMBEDDED := $(sort $(shell find analyzer -name '*.sql'))
$(EMBEDDED:analyzer/%.sql=$(BUILD)/obj/analyzer/%.o): $(BUILD)/obj/analyzer/%.o: $(BUILD)/embedded/%.sql.h
$(BUILD)/embedded/%.sql.h: analyzer/%.sql
	@mkdir -p $(@D)
	$(Q){ echo 'static const char $(*F)_sql[] ='; sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $<; echo ';'; } >$@

# The page of `--format html`, bundled from analyzer/ui and put into the analyzer; one for all trees. Without node, npm
# or the registry it is empty: all the rest is built, and the next make tries again.
PAGE_BUNDLE := build/ui/page.html
NPM_CI = npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-retry-mintimeout=1000 --loglevel=error
no_page = { echo '  PAGE   left out, so there is no --format html: $1'; [ -e $@ ] && [ ! -s $@ ] || : >$@; }
build/ui/.modules: analyzer/ui/package.json analyzer/ui/package-lock.json
	@mkdir -p $(@D)
	@cp $^ $(@D)
	$(Q)cd $(@D) && $(NPM_CI) >npm.log 2>&1
	@touch $@
$(PAGE_BUNDLE): $(PAGE) $(if $(wildcard $(PAGE_BUNDLE)),$(shell [ -s $(PAGE_BUNDLE) ] || echo FORCE))
	$(call say,PAGE,$@)
	@mkdir -p $(@D)
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		$(call no_page,node and npm are not here (scripts/install-deps)); \
	elif ! $(MAKE) --no-print-directory build/ui/.modules >/dev/null 2>&1; then \
		$(call no_page,npm ci failed (build/ui/npm.log)); \
	else \
		rm -rf $(@D)/src && cp -R analyzer/ui/build.js analyzer/ui/src $(@D) && cd $(@D) && node build.js page.html; \
	fi
$(BUILD)/obj/analyzer/render/html_page.o: $(PAGE_BUNDLE)

define archive
$(call say,AR,$@)
@mkdir -p $(@D)
$(Q)rm -f $@ && $(AR) qcs $@ $(filter %.o,$^)
endef

# The two products. A sanitizer's tree has no shim: one that stands before malloc cannot be instrumented.
all: $(if $(SAN),,$(BUILD)/libleakey.so) $(BUILD)/leakey ## the shim and the analyzer (what plain `make` does)

$(BUILD)/exports.map: shim/symbols.def
	@mkdir -p $(@D)
	$(Q){ echo '{ global:'; sed -n 's/^LK_SYMBOL([^,]*, *\([A-Za-z0-9_]*\),.*/    \1;/p' $<; echo 'local: *; };'; } >$@

$(BUILD)/libleakey.so: $(call objects,$(SHIM)) $(BUILD)/exports.map $(BUILD)/link.stamp
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(patsubst -flto,-flto=auto,$(SHIM_WHOLE)) $(SHIM_LINK) $(LDFLAGS) $(filter %.o,$^) -o $@

$(BUILD)/analyzer.a: $(call objects,$(filter-out analyzer/main.c,$(ANALYZER)) $(TEXT)) $(PROTO_OBJECTS) $(BUILD)/link.stamp
	$(archive)

$(BUILD)/leakey: $(BUILD)/obj/analyzer/main.o $(BUILD)/analyzer.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(ANALYZER_LINK) $(LDFLAGS) $^ $(ANALYZER_LIBS) -o $@

# Unit tests: test_X stands on the analyzer, shim_X on shim/text; both on the sources that `// links:` names.
UNIT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(UNIT))

$(BUILD)/tests/unit/common.a: $(call objects,$(UNIT_COMMON)) $(BUILD)/link.stamp
	$(archive)

define link_unit
$(call say,LINK,$@)
@mkdir -p $(@D)
$(Q)$(CC) $(CFLAGS) $(ANALYZER_LINK) $(LDFLAGS) $(filter %.o %.a,$^) $(call header,libs,$*.c) $1 -lcmocka -o $@
endef
$(filter $(BUILD)/tests/unit/shim_%,$(UNIT_PROGRAMS)): $(BUILD)/%: $(BUILD)/obj/%.o \
		$$(call objects,$$(call header,links,$$*.c) $(TEXT)) $(BUILD)/tests/unit/common.a
	$(link_unit)
$(filter $(BUILD)/tests/unit/test_%,$(UNIT_PROGRAMS)): $(BUILD)/%: $(BUILD)/obj/%.o \
		$$(call objects,$$(call header,links,$$*.c)) $(BUILD)/tests/unit/common.a $(BUILD)/analyzer.a
	$(call link_unit,$(ANALYZER_LIBS))

# Sample services and programs with planted faults, each build/tests/NAME with the libraries that its source names, and
# what programs load at run time: build/tests/NAME.so.
SERVICES := $(patsubst tests/services/%.c,$(BUILD)/tests/%,$(SERVICE))
PROGRAMS := $(patsubst tests/programs/%,$(BUILD)/tests/%,$(basename $(PROGRAM)))
PLUGINS := $(patsubst tests/plugins/%.c,$(BUILD)/tests/%.so,$(PLUGIN))

$(BUILD)/tests/services.a: $(call objects,$(SERVICE_COMMON)) $(BUILD)/link.stamp
	$(archive)

define link_sample
$(call say,LINK,$@)
@mkdir -p $(@D)
$(Q)$(CC) $(CFLAGS) -fno-lto $(call header,flags,$1) -pthread $(LDFLAGS) $(filter %.o %.a,$^) $(call header,libs,$1) -o $@
endef
$(SERVICES): $(BUILD)/tests/%: $(BUILD)/obj/tests/services/%.o $(BUILD)/tests/services.a
	$(call link_sample,tests/services/$*.c)
$(PROGRAMS): $(BUILD)/tests/%: $(BUILD)/obj/tests/programs/%.o $(BUILD)/link.stamp
	$(call link_sample,$(filter tests/programs/$*.c tests/programs/$*.cc,$(PROGRAM)))
$(PLUGINS): private LDFLAGS += -shared
$(PLUGINS): $(BUILD)/tests/%.so: $(BUILD)/obj/tests/plugins/%.o $(BUILD)/link.stamp
	$(call link_sample,tests/plugins/$*.c)

# What says `// also: hiredis 1.x` is built a second time, against Debian 13's hiredis: build/tests/NAME-1.x. It finds that
# library where scripts/fetch-debian put it; where that is not to be had, tests skip. From the same archive come a
# libhiredis whose functions do not pass the PLT, and, under the names of libvalkey, a stand-in for that: hiredis 1.x
# has its layouts and functions, and Debian has no libvalkey.
TRIXIE := build/trixie
TRIXIE_LIB := $(TRIXIE)/usr/lib/x86_64-linux-gnu
NEWER := $(if $(wildcard $(TRIXIE)/.complete),$(shell grep -l '^// also: hiredis 1.x' $(PROGRAM) $(PLUGIN)))
NEWER_PROGRAMS := $(patsubst tests/programs/%.c,$(BUILD)/tests/%-1.x,$(filter tests/programs/%,$(NEWER)))
NEWER_PLUGINS := $(patsubst tests/plugins/%.c,$(BUILD)/tests/%-1.x.so,$(filter tests/plugins/%,$(NEWER)))
NEWER_FLAGS = -isystem $(TRIXIE)/usr/include
NEWER_LINK = -L$(TRIXIE_LIB) -Wl,-rpath,'$$ORIGIN/../trixie/usr/lib/x86_64-linux-gnu'
STAND_INS := $(if $(NEWER),$(BUILD)/tests/bound/libhiredis.so.1.1.0 $(BUILD)/tests/async_commands-valkey \
	$(BUILD)/tests/connection_forms-valkey)

$(BUILD)/obj-1.x/tests/programs/%: FLAGS = $(COMMON_FLAGS) $(NEWER_FLAGS) $(PROGRAM_FLAGS) $(call header,flags,$<)
$(BUILD)/obj-1.x/tests/plugins/%: FLAGS = $(COMMON_FLAGS) $(NEWER_FLAGS) $(PROGRAM_FLAGS) -fPIC $(call header,flags,$<)
$(BUILD)/obj-1.x/%.o: %.c $(BUILD)/flags.stamp
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -MMD -MP -c $< -o $@
-include $(patsubst %.c,$(BUILD)/obj-1.x/%.d,$(NEWER))

$(NEWER_PROGRAMS) $(NEWER_PLUGINS): private LDFLAGS += $(NEWER_LINK)
$(NEWER_PROGRAMS): $(BUILD)/tests/%-1.x: $(BUILD)/obj-1.x/tests/programs/%.o $(BUILD)/link.stamp
	$(call link_sample,tests/programs/$*.c)
$(NEWER_PLUGINS): private LDFLAGS += -shared
$(NEWER_PLUGINS): $(BUILD)/tests/%-1.x.so: $(BUILD)/obj-1.x/tests/plugins/%.o $(BUILD)/link.stamp
	$(call link_sample,tests/plugins/$*.c)

$(BUILD)/tests/bound/libhiredis.so.1.1.0: $(TRIXIE_LIB)/libhiredis.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-Bsymbolic -Wl,-soname,$(@F) -Wl,--whole-archive $< -Wl,--no-whole-archive -o $@

# Every name of hiredis but freeReplyObject, which the two share.
$(BUILD)/valkey/names: $(TRIXIE_LIB)/libhiredis.a
	@mkdir -p $(@D)
	$(Q)nm -g --defined-only $< 2>/dev/null | sed -n 's/.* \(_*\)redis\(.*\)$$/\1redis\2 \1valkey\2/p' | sort -u >$@
$(BUILD)/valkey/%: $(BUILD)/obj-1.x/tests/programs/% $(BUILD)/valkey/names
	$(Q)objcopy --redefine-syms=$(BUILD)/valkey/names $< $@
$(BUILD)/valkey/libvalkey.so.0: $(TRIXIE_LIB)/libhiredis.a $(BUILD)/valkey/names
	$(call say,LINK,$@)
	$(Q)objcopy --redefine-syms=$(BUILD)/valkey/names $< $(@D)/libvalkey.a
	$(Q)$(CC) -shared -Wl,-soname,$(@F) -Wl,--whole-archive $(@D)/libvalkey.a -Wl,--no-whole-archive -o $@
$(BUILD)/tests/%-valkey: $(BUILD)/valkey/%.o $(BUILD)/valkey/libvalkey.so.0
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pthread $^ $(filter-out -lhiredis,$(call header,libs,tests/programs/$*.c)) \
		-Wl,-rpath,'$$ORIGIN/../valkey' -o $@

# The workloads of `make bench`, and what they preload beside the shim, each build/bench/NAME.
WORKLOADS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(WORKLOAD))
WORKLOAD_PRELOADS := $(patsubst tests/bench/preload/%.c,$(BUILD)/bench/%.so,$(WORKLOAD_PRELOAD))

$(BUILD)/bench/common.a: $(call objects,$(WORKLOAD_COMMON)) $(BUILD)/link.stamp
	$(archive)

$(WORKLOADS): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o \
		$$(call objects,$$(call header,links,tests/bench/$$*.c)) $(BUILD)/bench/common.a
	$(call link_sample,tests/bench/$*.c)
$(WORKLOAD_PRELOADS): $(BUILD)/bench/%.so: $(BUILD)/obj/tests/bench/preload/%.o $(BUILD)/link.stamp
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared $(LDFLAGS) $(filter %.o,$^) $(call header,libs,tests/bench/preload/$*.c) -o $@

# The shim in other forms, COMPILER-OPTION, each in a tree of its own, for tests/end-to-end/portability.bats; `apart`: its
# pieces are not one unit to the compiler. `make test` has a few of them, `make portability` all.
PORTABLE = some
FORMS = gcc-O0 $(if $(filter all,$(PORTABLE)),gcc-O1 gcc-O2-apart gcc-O3 clang-O0 clang-O1 clang-O2 clang-O3)
BUILD_FORMS := $(addprefix form-,$(FORMS))
forms: $(BUILD_FORMS)
$(BUILD_FORMS): form-%:
	+$(Q)$(rebuild) CC=$(firstword $(subst -, ,$*)) CFLAGS=-$(word 2,$(subst -, ,$*)) \
		$(if $(filter %-apart,$*),SHIM_WHOLE=) BUILD=build/forms/$* build/forms/$*/libleakey.so

# For 64-bit ARM: the shim, its unit tests that say nothing of `// machine:`, and programs; tests run them by qemu-user.
# Libraries come from scripts/fetch-debian. Without these or the compiler nothing is built, and the tests skip.
ARM_UNIT = $(filter-out $(shell grep -l '^// machine: x86-64' $(UNIT)),$(if $(filter all,$(PORTABLE)),$(filter tests/unit/shim_%,$(UNIT)), \
	$(patsubst %,tests/unit/shim_%.c,clock dynamic keydigest lexer resp ring template text)))
ARM_MAKE = $(rebuild) CC=aarch64-linux-gnu-gcc BUILD=build/aarch64 SHIM_WHOLE= \
	CFLAGS='$(if $(filter all,$(PORTABLE)),-O2,-O1) -g -Lbuild/arm64/usr/lib/aarch64-linux-gnu' \
	UNIT_COMMON='$(wildcard tests/unit/common/played_*.c)'
aarch64:
	+$(Q)! { command -v aarch64-linux-gnu-gcc && [ -e build/arm64/.complete ]; } >/dev/null || $(ARM_MAKE) $(addprefix build/aarch64/, \
		libleakey.so $(ARM_UNIT:.c=) $(addprefix tests/,heap_forms cache_commands plugin_caches cache_plugin.so))

objects: $(call objects,$(SOURCES))
unit-tests: $(UNIT_PROGRAMS)
samples: $(SERVICES) $(PROGRAMS) $(PLUGINS) $(NEWER_PROGRAMS) $(NEWER_PLUGINS) $(STAND_INS)
workloads: $(WORKLOADS) $(WORKLOAD_PRELOADS)

# Test and demo install what is missing before anything is compiled, so they build by a second make; it uses every
# core unless the first was told otherwise.
rebuild = $(MAKE) --no-print-directory $(if $(filter 1,$(V)),,--silent) \
	$(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

test: ## every test; T=PATTERN chooses by file or test name; SAN=address,undefined or SAN=thread: the unit tests under these
	@scripts/install-deps build test
ifeq ($(SAN),)
	@scripts/fetch-debian || true
	+$(Q)$(rebuild) all unit-tests samples workloads forms aarch64
	@FORMS='$(FORMS)' ARM_UNIT='$(ARM_UNIT:tests/unit/%.c=%)' tests/run --unit build --end-to-end
else
	+$(Q)$(rebuild) unit-tests
	@tests/run --unit $(BUILD)
endif

portability: ## the shim by other compilers and options, on other C libraries and another processor, each tested
	@scripts/install-deps build test lint
	@scripts/fetch-debian
	+$(Q)$(rebuild) PORTABLE=all all samples forms aarch64
	@$(MAKE) --no-print-directory --silent PORTABLE=all portability-tests
portability-tests:
	@FORMS='$(FORMS)' ARM_UNIT='$(ARM_UNIT:tests/unit/%.c=%)' tests/run --end-to-end T=end-to-end/portability

demo: ## the sample service before and after its refactor: run, report, compare
	@scripts/install-deps build test
	+$(Q)$(rebuild) all samples
	@scripts/demo

bench: ## what leakey costs beside its peers; ROUNDS=9; BENCH=PATTERN and VARIANTS=PATTERN choose
	@scripts/install-deps build test bench
	+$(Q)$(rebuild) all samples workloads
	@scripts/bench

SOAK_SECONDS ?= 1800
soak: ## half an hour of load, each measure against its bound; SOAK_SECONDS=1800; SOAK=PATTERN chooses parts
	@scripts/install-deps build test
	+$(Q)$(rebuild) all samples
	@SOAK_SECONDS=$(SOAK_SECONDS) scripts/soak

# Fuzzing, by clang's libFuzzer: tests/fuzz/fuzz_X.c for FUZZ_SECONDS, or for FUZZ_RUNS executions, each, from what
# programs of ours made (tests/fuzz/seeds), FUZZ_JOBS of them side by side. What they find stays in build/fuzz.
FUZZ_SECONDS ?= 60
FUZZ_RUNS =
FUZZ_JOBS ?= 2
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZ))

$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/tests/fuzz/%.o $$(call objects,$$(call header,links,tests/fuzz/$$(@F).c)) \
		$(BUILD)/tests/unit/common.a $(BUILD)/analyzer.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(ANALYZER_LINK) -fsanitize=fuzzer $(LDFLAGS) $^ $(ANALYZER_LIBS) -lcmocka -o $@
fuzzers: $(FUZZERS)

fuzz: ## fuzz what reads foreign bytes; FUZZ_SECONDS=60 or FUZZ_RUNS=N for each target; T=PATTERN chooses
	@scripts/install-deps build test lint fuzz
	+$(Q)$(rebuild) all samples
	+$(Q)$(rebuild) CC=clang BUILD=build/fuzz SAN=fuzzer-no-link,address,undefined CFLAGS='-O2 -g' fuzzers build/fuzz/tests/unit/test_damage
	@tests/fuzz/run build/fuzz $(FUZZ_JOBS) $(if $(FUZZ_RUNS),-runs=$(FUZZ_RUNS),-max_total_time=$(FUZZ_SECONDS)) \
		$(filter-out $(if $(T),$(foreach f,$(notdir $(FUZZ:.c=)),$(if $(findstring $(T),$f),,$f))),$(notdir $(FUZZ:.c=)) damage)

package: ## a Debian source package in build/debian; scripts/package-debian --binary builds the binary one too
	@scripts/install-deps build test
	@scripts/package-debian

commands: ## shim/cache/commands.def anew, from what the installed redis-server says
	@scripts/commands

# Lint. Samples hold faults on purpose, so checks that look for faults leave them alone; compilers do not.
LINTERS := lint-gcc lint-clang lint-format lint-tidy lint-shell
CHECKED := $(SHIM) $(ANALYZER) $(UNIT) $(UNIT_COMMON)
c_files = $(shell find shim analyzer tests -name '*.[ch]' -o -name '*.cc')
shell_files = $(shell grep -d skip -lE '^\#! */(usr/)?bin/(env )?(ba)?sh' .ci/* scripts/* tests/run tests/fuzz/*) \
	$(wildcard tests/end-to-end/*.bash analyzer/completion/*.bash)
bats_files = $(wildcard tests/end-to-end/*.bats)

lint: $(LINTERS) ## both compilers' warnings, clang-format, clang-tidy, shellcheck
lint-gcc:
	+$(Q)$(rebuild) CC=gcc WERROR=1 objects
lint-clang:
	+$(Q)$(rebuild) CC=clang WERROR=1 BUILD=build/clang objects
lint-format:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(c_files)
lint-tidy:
	+$(Q)$(rebuild) CC=gcc WERROR=1 tidy
# In bats each test is a subshell (SC2030, SC2031), and single quotes around jq and sh -c are meant (SC2016).
lint-shell:
	$(call say,LINT,shellcheck)
	$(Q)shellcheck --external-sources --shell=bash $(shell_files)
	$(if $(bats_files),$(Q)shellcheck --external-sources --shell=bats --exclude=SC2016$(comma)SC2030$(comma)SC2031 $(bats_files))

# The object is newer than its source and all its headers, so a file is checked again when any of them changes.
$(BUILD)/tidy/%.ok: %.c $(BUILD)/obj/%.o .clang-tidy
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(filter-out -W%,$(FLAGS)) 2>$@.log || \
		{ cat $@.log; exit 1; }
	@touch $@

tidy: $(patsubst %.c,$(BUILD)/tidy/%.ok,$(CHECKED))
lint-deps:
	@scripts/install-deps build lint
$(LINTERS) format: | lint-deps

linters: # their names, for .ci/run
	@echo $(LINTERS)

format: ## lay out every C and C++ file
	$(call say,FORMAT,C files)
	$(Q)clang-format -i $(c_files)

# Installation: source, mode and destination below PREFIX.
INSTALLED := \
	$(BUILD)/leakey:755:bin/leakey \
	$(BUILD)/libleakey.so:755:$(LIBDIR)/libleakey.so \
	$(foreach f,$(wildcard analyzer/man/*.1),$f:644:share/man/man1/$(notdir $f)) \
	$(foreach f,$(wildcard analyzer/man/*.5),$f:644:share/man/man5/$(notdir $f)) \
	$(foreach f,$(wildcard analyzer/completion/leakey.bash),$f:644:share/bash-completion/completions/leakey) \
	$(foreach f,$(wildcard analyzer/completion/_leakey),$f:644:share/zsh/site-functions/_leakey) \
	analyzer/dashboard/leakey.json:644:share/leakey/dashboard.json \
	analyzer/dashboard/leakey.rules.yml:644:share/leakey/leakey.rules.yml
PKGCONFIG = $(PKGCONFIGDIR)/leakey.pc

install: all ## into PREFIX (/usr/local), below DESTDIR
	$(Q)$(foreach i,$(INSTALLED),$(call install_one,$(subst :, ,$i)) &&) \
	mkdir -p "$(DESTDIR)$(PREFIX)/$(dir $(PKGCONFIG))" && \
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' scripts/leakey.pc.in >"$(DESTDIR)$(PREFIX)/$(PKGCONFIG)"
install_one = install -D -m $(word 2,$1) $(word 1,$1) "$(DESTDIR)$(PREFIX)/$(word 3,$1)"

uninstall: ## what install put there
	$(Q)rm -f $(foreach i,$(INSTALLED),"$(DESTDIR)$(PREFIX)/$(lastword $(subst :, ,$i))") \
		"$(DESTDIR)$(PREFIX)/$(PKGCONFIG)"

clean: ## everything that was built
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo '  settings: CC=clang V=1 SAN=address,undefined SAN=thread WERROR=0 PREFIX= DESTDIR= T= ROUNDS= BENCH= SOAK_SECONDS= SOAK='

.PHONY: all objects unit-tests samples workloads forms $(BUILD_FORMS) aarch64 test portability portability-tests demo bench soak fuzz fuzzers package commands lint $(LINTERS) lint-deps linters tidy format \
	install uninstall clean help FORCE
