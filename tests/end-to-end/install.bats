#!/usr/bin/env bats
# make install and uninstall, staged below a DESTDIR.
load lib

prefix=/opt/leakey

# What was built stays as it is (-o), whatever flags it was built with.
staged() {
    make --silent -C "$ROOT" -o all -o build/leakey -o build/libleakey.so "$@" DESTDIR="$DIR/stage" PREFIX=$prefix
}

installed_files() { (cd "$DIR/stage$prefix" && find . ! -type d | sed 's|^\./||' | sort); }

mode_of() { stat -c %a "$DIR/stage$prefix/$1"; }

@test "install puts each file where it belongs, and nothing elsewhere" {
    staged install
    expected=(bin/leakey lib/libleakey.so lib/pkgconfig/leakey.pc share/leakey/dashboard.json
        share/leakey/leakey.rules.yml)
    for page in "$ROOT"/analyzer/man/*.[1-8]; do
        [ ! -e "$page" ] || expected+=("share/man/man${page##*.}/${page##*/}")
    done
    [ ! -e "$ROOT/analyzer/completion/leakey.bash" ] || expected+=(share/bash-completion/completions/leakey)
    [ ! -e "$ROOT/analyzer/completion/_leakey" ] || expected+=(share/zsh/site-functions/_leakey)
    same_text "installed files" "$(printf '%s\n' "${expected[@]}" | sort)" "$(installed_files)"
    same_text "top of the stage" "${prefix#/}" "$(cd "$DIR/stage" && find . -mindepth 2 -maxdepth 2 | sed 's|^\./||')"
    same_text "mode of leakey" 755 "$(mode_of bin/leakey)"
    same_text "mode of leakey.pc" 644 "$(mode_of lib/pkgconfig/leakey.pc)"
}

@test "pkg-config finds the installed shim" {
    staged install
    export PKG_CONFIG_PATH=$DIR/stage$prefix/lib/pkgconfig
    pkg-config --validate leakey
    same_text preload $prefix/lib/libleakey.so "$(pkg-config --variable=preload leakey)"
    [[ $(pkg-config --modversion leakey) =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
    run ! grep @ "$PKG_CONFIG_PATH/leakey.pc"
}

@test "the installed leakey runs" {
    staged install
    "$DIR/stage$prefix/bin/leakey" --help >"$DIR/help"
    grep -q report "$DIR/help"
}

@test "installing twice changes nothing" {
    staged install
    before=$(installed_files)
    staged install
    same_text "installed files" "$before" "$(installed_files)"
}

@test "uninstall leaves no file" {
    staged install
    staged uninstall
    same_text "what is left" '' "$(installed_files)"
}
