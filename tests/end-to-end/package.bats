#!/usr/bin/env bats
# The Debian source package: made of what git tracks, and accepted by lintian.
load lib

@test "the Debian source package is made, lintian has nothing against it, and it needs what the build needs" {
    git clone --quiet --no-hardlinks "$ROOT" "$DIR/leakey"
    "$DIR/leakey/scripts/package-debian" >"$DIR/log" 2>&1 || { cat "$DIR/log"; false; }
    ! grep -E '^[EW]:' "$DIR/log" || false
    dsc=$(echo "$DIR"/leakey/build/debian/leakey_*.dsc)
    [ -f "$dsc" ]
    while read -r package; do
        case $package in
        gcc | g++ | libc6-dev | make) ;; # build-essential
        *) grep -q "^Build-Depends:.*[ ,]$package\(,\|$\)" "$dsc" ;;
        esac
    done < <("$ROOT/scripts/install-deps" --list build)
    # The very files, and debian/ beside them.
    dpkg-source --no-check --extract "$dsc" "$DIR/extracted" >/dev/null
    same_text files "$(cd "$DIR/leakey" && git ls-files | sort)" \
        "$(cd "$DIR/extracted" && find . \( -path ./debian -o -path ./.pc \) -prune -o ! -type d -print | sed 's|^\./||' | sort)"
}
