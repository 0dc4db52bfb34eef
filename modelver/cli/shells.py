"""The scripts through which bash, zsh and fish ask for completions, and where each is installed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from modelver.errors import ProgramFailed

_BASH = r"""
_modelver_completion() {
    local kind= value answer
    COMPREPLY=()
    answer=$(_MODELVER_COMPLETE=bash _MODELVER_LINE="${COMP_LINE:0:COMP_POINT}" _MODELVER_WORD="$2" \
        command modelver 2>/dev/null </dev/null)
    while IFS= read -r value; do
        if [[ -z $kind ]]; then kind=$value; else COMPREPLY+=("$value"); fi
    done <<<"$answer"
    case $kind in
        files) compopt -o default 2>/dev/null ;;
        directories) compopt -o dirnames 2>/dev/null ;;
    esac
    return 0
}
complete -F _modelver_completion modelver
"""

_ZSH = r"""
#compdef modelver
_modelver() {
    local line
    local -a answer values shown
    answer=("${(@f)$(_MODELVER_COMPLETE=zsh command modelver -- \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    case $answer[1] in
        files) [[ $PREFIX == --*=* ]] && compset -P '*='; _files ;;
        directories) _files -/ ;;
        values)
            for line in "${(@)answer[2,-1]}"; do
                values+=("${line%%$'\t'*}")
                shown+=("${line%%$'\t'*}${${line#*$'\t'}:+  -- ${line#*$'\t'}}")
            done
            compadd -l -d shown -a -- values ;;
        *) return 1 ;;
    esac
}
if [[ $funcstack[1] == _modelver ]]; then _modelver "$@"; else compdef _modelver modelver; fi
"""

_FISH = r"""
function __modelver_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    while string match -qr '^(and|or|not|!|if|else|while|begin|time|command|exec|[A-Za-z_]\w*=.*)$' -- "$before[1]"
        set -e before[1]
    end
    set -l answer (env _MODELVER_COMPLETE=fish modelver -- $before[2..-1] "$current" 2>/dev/null </dev/null)
    set -l option (string match -r -- '^--[^=]*=' "$current")
    set -l path (string replace -r -- '^--[^=]*=' '' "$current")
    switch "$answer[1]"
        case files
            for each in (__fish_complete_path "$path")
                printf '%s%s\n' "$option" $each
            end
        case directories
            __fish_complete_directories "$current"
        case values
            set -e answer[1]
            printf '%s\n' $answer
    end
end
complete --command modelver --no-files --arguments '(__modelver_complete)'
"""

SCRIPTS = {"bash": _BASH.strip(), "zsh": _ZSH.strip(), "fish": _FISH.strip()}


def shell() -> str:
    """The shell that this was started from, else the user's own; empty where neither is known."""
    import shellingham  # type: ignore[import-untyped]

    with contextlib.suppress(shellingham.ShellDetectionFailure):
        return str(shellingham.detect_shell()[0])
    return Path(os.environ.get("SHELL", "")).name


def install(name: str) -> Path:
    """Put the script of a shell where the shell finds it, and say so in its start file; the script's path."""
    home = Path.home()
    fish = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish"
    script, start, line = {
        "bash": (home / ".bash_completions/modelver.sh", home / ".bashrc", "source ~/.bash_completions/modelver.sh"),
        "zsh": (
            home / ".zfunc/_modelver",
            Path(os.environ.get("ZDOTDIR") or home) / ".zshrc",
            "fpath+=~/.zfunc; autoload -Uz compinit; compinit",
        ),
        "fish": (fish / "completions/modelver.fish", fish / "config.fish", ""),  # fish looks there by itself
    }[name]
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(SCRIPTS[name] + "\n")
        if line not in (start.read_text("utf-8", "replace") if start.exists() else ""):
            with start.open("a") as stream:
                stream.write(f"\n{line}\n")
    except OSError as error:
        raise ProgramFailed(f"cannot write {error.filename}: {error.strerror}") from error
    return script
