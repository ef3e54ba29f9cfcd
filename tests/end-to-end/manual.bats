#!/usr/bin/env bats
# Every command and every option that --help names stands in its man page and in both completions.

load lib

MAN=$ROOT/analyzer/man COMPLETION=$ROOT/analyzer/completion

commands() { leakey --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'; }
options() { leakey "$1" --help | grep -oE -- '--[a-z][a-z-]*' | sort -u; }

# page COMMAND: as a reader sees it, on one line, with plain hyphens. A page that is a link is what it leads to.
page() {
    local file=$MAN/leakey-$1.1
    if grep -q '^\.so ' "$file"; then file=$MAN/$(sed -n 's|^\.so \(.*/\)\?||p' "$file"); fi
    sed 's/\\-/-/g' "$file" | tr '\n' ' '
}

# offered COMMAND: what bash offers after `leakey COMMAND --`.
offered() {
    bash -c 'source "$1"; COMP_WORDS=(leakey "$2" --); COMP_CWORD=2; _leakey; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$COMPLETION/leakey.bash" "$1"
}

# of_zsh COMMAND: zsh's lines for it.
of_zsh() { awk -v command="$1" '$0 ~ "^    ([a-z-]+ \\| )*" command "( \\| [a-z-]+)*\\)" { on = 1 } on { print } /;;/ { on = 0 }' "$COMPLETION/_leakey"; }

@test "each command has a page, a line in leakey(1), and stands in both completions" {
    [ "$(commands | wc -l)" -ge 9 ]
    for command in $(commands); do
        [ -n "$(page "$command")" ]
        grep -qF "leakey\\-${command//-/\\-}" "$MAN/leakey.1"
        grep -qE "^    '$command:" "$COMPLETION/_leakey"
        grep -E "local commands=" "$COMPLETION/leakey.bash" | grep -qw -- "$command"
    done
}

@test "each option of --help stands in the command's page and in both completions" {
    local seen=0
    for command in $(commands); do
        for option in $(options "$command"); do
            # What another command's help refers to is not this one's option.
            leakey "$command" --help | grep -qE "^ +(-[a-z], )?$option(=|  |\$)" || continue
            echo "$command $option"
            seen=$((seen + 1))
            [ "$option" = --help ] || page "$command" | grep -qF -- "$option"
            offered "$command" | grep -qxF -- "$option"
            { of_zsh "$command" && sed -n '/^symbols=(/,/^)/p' "$COMPLETION/_leakey"; } | grep -qF -- "$option"
        done
    done
    [ $seen -ge 40 ]
}

@test "each format that a command has is offered" {
    for command in report compare what-if; do
        run leakey "$command" --format nothing x
        while read -r format; do
            echo "$command $format"
            of_zsh "$command" | grep -qE "format:\(.*\b$format\b"
            bash -c 'source "$1"; COMP_WORDS=(leakey "$2" --format ""); COMP_CWORD=3; _leakey; printf "%s\n" "${COMPREPLY[@]}"' \
                bash "$COMPLETION/leakey.bash" "$command" | grep -qx "$format"
        done < <(sed -n 's/.*there are: //p' <<<"$output" | tr ' ' '\n')
    done
}

@test "groff has nothing to say about the pages, and zsh and bash can read the completions" {
    for file in "$MAN"/*.[15]; do
        run bash -c 'cd "$1" && groff -man -ww -z "$2" 2>&1' bash "$MAN/.." "$file"
        grep -q '^\.so ' "$file" || same_text "$file" "" "$output"
    done
    zsh -n "$COMPLETION/_leakey"
    bash -n "$COMPLETION/leakey.bash"
}
