/*
 * The report as SARIF 2.1.0 (OASIS), for editors and code scanning: every rule, and a result for
 * each finding. What GitHub's code scanning asks for beyond the schema is given: each result has a
 * place that is a relative URI, and `primaryLocationLineHash` is the finding's identity. That
 * identity is made of names alone (rule, template, function, module, branch), so it stays through
 * runs, rebuilds and lines that move.
 */
#include <math.h>
#include <string.h>

#include "find/rules.h"
#include "model/names.h"
#include "model/text.h"
#include "render/json_values.h"
#include "render/markdown_text.h"
#include "render/renderers.h"
#include "render/sarif_parts.h"
#include "render/source_path.h"

#define SCHEMA   "https://json.schemastore.org/sarif-2.1.0.json"
#define IDENTITY 32 /* hex digits of it */

/* ---- Rules ---- */

static json_t *make_rule(const struct rule *rule)
{
    char *markdown = g_strdup_printf("%s\n\n**Remedy:** %s", rule->says, rule->remedy);
    char *plain = g_strdup_printf("%s %s", rule->says, rule->remedy);
    json_t *made = json_pack(
        "{ss, s{ss}, s{ss}, s{ss, ss}, s{ss}, s{s[ss], ss}}", "id", rule->name, "shortDescription",
        "text", rule->says, "fullDescription", "text", plain, "help", "text", plain, "markdown",
        markdown, "defaultConfiguration", "level", severity_name(rule->severity), "properties",
        "tags", rule->side, "performance", "problem.severity",
        rule->severity == SEVERITY_NOTE ? "recommendation" : severity_name(rule->severity));

    g_free(plain);
    g_free(markdown);
    return made;
}

static json_t *make_driver(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < RULES; i++)
        json_array_append_new(list, make_rule(&rule_table[i]));
    return json_pack("{ss, ss, ss, so}", "name", "leakey", "version", LEAKEY_VERSION,
                     "semanticVersion", LEAKEY_VERSION, "rules", list);
}

static int rule_index(const char *name)
{
    for (int i = 0; i < RULES; i++)
        if (strcmp(rule_table[i].name, name) == 0)
            return i;
    return -1;
}

/* ---- What a finding is known by ---- */

/* `seen` counts how often an identity came up: two findings that names do not tell apart. */
static char *make_identity(const struct finding *finding, GHashTable *seen)
{
    const struct frame *frame = finding_frame(finding);
    char *function = frame == NULL || frame->function == NULL ? NULL : name_short(frame->function);
    const char *parts[] = {finding->rule,
                           finding->template_name,
                           finding->counterpart_name,
                           function,
                           frame == NULL ? NULL : text_base_name(frame->module),
                           finding->leak == NULL ? NULL : finding->leak->branch};
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *part = parts[i] == NULL ? "" : parts[i];
        g_checksum_update(sum, (const guchar *)part, (gssize)strlen(part) + 1);
    }
    char *hash = g_strndup(g_checksum_get_string(sum), IDENTITY);
    guint times = GPOINTER_TO_UINT(g_hash_table_lookup(seen, hash)) + 1;
    char *identity = g_strdup_printf("%s:%u", hash, times);
    g_hash_table_replace(seen, hash, GUINT_TO_POINTER(times));
    g_checksum_free(sum);
    g_free(function);
    return identity;
}

/* ---- A result ---- */

static json_t *make_message(const struct finding *finding)
{
    char *plain = g_strdup_printf("%s%s Remedy: %s", finding->message,
                                  g_str_has_suffix(finding->message, ".") ? "" : ".",
                                  finding->remedy == NULL ? "none is known." : finding->remedy);
    GString *markdown = g_string_new(NULL);

    markdown_sentence(markdown, finding->message, finding->template_name);
    if (finding->remedy != NULL) {
        g_string_append(markdown, "\n\n**Remedy:** ");
        markdown_sentence(markdown, finding->remedy, finding->template_name);
    }
    json_t *message =
        json_pack("{so, so}", "text", sarif_text(plain), "markdown", json_text(markdown->str));
    g_string_free(markdown, TRUE);
    g_free(plain);
    return message;
}

static json_t *make_pair(const struct evidence *evidence)
{
    json_t *differs = json_array(), *pair = json_object();
    const char *const texts[][2] = {{"kind", evidence->kind},
                                    {"key_a", evidence->key_a},
                                    {"key_b", evidence->key_b},
                                    {"input_a", evidence->input_a},
                                    {"input_b", evidence->input_b}};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        json_object_set_new(pair, texts[i][0], json_text(texts[i][1]));
    for (guint i = 0; evidence->differs != NULL && i < evidence->differs->len; i++) {
        const struct difference *one = &g_array_index(evidence->differs, struct difference, i);
        json_array_append_new(differs,
                              json_pack("{so, so, so}", "class", json_text(one->class_name), "a",
                                        json_text(one->a), "b", json_text(one->b)));
    }
    json_object_set_new(pair, "confidence_ratio", json_number(evidence->confidence_ratio));
    json_object_set_new(pair, "differs", differs);
    return pair;
}

static json_t *make_properties(const struct finding *finding)
{
    json_t *metrics = json_object(), *pairs = json_array();

    for (guint i = 0; i < finding->metrics->len; i++) {
        const struct metric *metric = &g_array_index(finding->metrics, struct metric, i);
        json_object_set_new(metrics, metric->name,
                            metric->value == floor(metric->value) ? json_whole(metric->value)
                                                                  : json_number(metric->value));
    }
    for (guint i = 0; finding->evidence != NULL && i < finding->evidence->len; i++)
        json_array_append_new(pairs, make_pair(g_ptr_array_index(finding->evidence, i)));
    return json_pack("{so, so, so, so}", "template", json_text(finding->template_name), "remedy",
                     json_text(finding->remedy), "metrics", metrics, "evidence", pairs);
}

/* The two keys (inputs, where they are known) of each pair. */
static json_t *make_related(const struct finding *finding, const char *module)
{
    json_t *list = json_array();
    int id = 1;

    for (guint i = 0; finding->evidence != NULL && i < finding->evidence->len; i++) {
        const struct evidence *pair = g_ptr_array_index(finding->evidence, i);
        const char *const sides[][2] = {{pair->key_a, pair->input_a}, {pair->key_b, pair->input_b}};

        for (size_t side = 0; side < G_N_ELEMENTS(sides); side++) {
            json_t *place = json_pack("{so}", "physicalLocation",
                                      sarif_physical(finding_frame(finding), module));
            const char *key = sides[side][0] == NULL ? "unknown" : sides[side][0];
            char *text = sides[side][1] == NULL
                             ? g_strdup_printf("key %s", key)
                             : g_strdup_printf("key %s, input %s", key, sides[side][1]);

            json_object_set_new(place, "id", json_integer(id++));
            json_object_set_new(place, "message", json_pack("{so}", "text", sarif_text(text)));
            sarif_add_logical(place, key, "key");
            json_array_append_new(list, place);
            g_free(text);
        }
    }
    return list;
}

static void add_stack(json_t *result, const struct stack *stack, const char *message)
{
    json_t *flow = stack == NULL ? NULL : sarif_code_flow(stack, message);

    if (flow != NULL)
        json_array_append_new(json_object_get(result, "codeFlows"), flow);
    if (stack != NULL && stack->frames->len > 0)
        json_array_append_new(json_object_get(result, "stacks"), sarif_stack(stack, message));
}

static void add_stacks(json_t *result, const struct finding *finding)
{
    json_object_set_new(result, "codeFlows", json_array());
    json_object_set_new(result, "stacks", json_array());
    if (finding->leak != NULL && finding->leak->site != NULL)
        add_stack(result, finding->leak->site->stack, "allocated here");
    for (guint i = 0; finding->spike != NULL && i < finding->spike->sites->len; i++) {
        const struct spike_site *site = g_ptr_array_index(finding->spike->sites, i);
        add_stack(result, site->stack, "allocated here");
    }
    for (guint i = 0; finding->call_sites != NULL && i < finding->call_sites->len; i++)
        if (finding->leak == NULL) /* a leak's is where it was allocated */
            add_stack(result, g_ptr_array_index(finding->call_sites, i), "called here");
}

static json_t *make_result(const struct finding *finding, const char *module, GHashTable *seen)
{
    char *identity = make_identity(finding, seen);
    json_t *place = sarif_location(finding_frame(finding), module);
    json_t *result;

    sarif_add_logical(place, finding->template_name, "template");
    result = json_pack("{so, si, ss, so, s[o], so, s{ss, ss}, so}", "ruleId",
                       json_text(finding->rule), "ruleIndex", rule_index(finding->rule), "level",
                       severity_name(finding->severity), "message", make_message(finding),
                       "locations", place, "relatedLocations", make_related(finding, module),
                       "partialFingerprints", "leakeyFinding/v1", identity,
                       "primaryLocationLineHash", identity, "properties", make_properties(finding));
    add_stacks(result, finding);
    g_free(identity);
    return result;
}

/* ---- The run ---- */

static json_t *make_notes(const GPtrArray *notes)
{
    json_t *list = json_array();

    for (guint i = 0; notes != NULL && i < notes->len; i++)
        json_array_append_new(list, json_pack("{ss, s{so}}", "level", "note", "message", "text",
                                              sarif_text(g_ptr_array_index(notes, i))));
    return list;
}

/* Where no stack is known, the program that ran. */
static const char *main_module(const struct report *report)
{
    const struct capture_report *capture =
        report->captures->len == 0 ? NULL : g_ptr_array_index(report->captures, 0);
    const char *name = capture == NULL ? NULL : text_base_name(capture->executable);

    return name == NULL || name[0] == '\0' ? "service" : name;
}

void render_report_sarif(const struct report *report, const struct render_options *options,
                         FILE *out)
{
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_t *results = json_array();

    (void)options;
    for (guint i = 0; i < report->findings->len; i++)
        json_array_append_new(results, make_result(g_ptr_array_index(report->findings, i),
                                                   main_module(report), seen));
    json_t *run =
        json_pack("{s{so}, ss, s{s{s{ss}}}, s[{sb, so}], so}", "tool", "driver", make_driver(),
                  "columnKind", "utf16CodeUnits", "originalUriBaseIds", "%SRCROOT%", "description",
                  "text", "the root of the service's sources", "invocations", "executionSuccessful",
                  1, "toolExecutionNotifications", make_notes(report->notes), "results", results);

    json_put(json_pack("{ss, ss, s[o]}", "$schema", SCHEMA, "version", "2.1.0", "runs", run), out);
    g_hash_table_destroy(seen);
}
