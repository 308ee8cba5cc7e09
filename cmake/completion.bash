# Completion of `gpt`, `my-gpt`, `tokenize` and `verse` for bash (3.2 and newer): source cmake/completion.bash
# Commands and options are what the programs' own --help lists, asked once a shell; exercises are what `verse list` lists.

# The words of a program's --help: with one argument its commands, with two the options of a command; of the program itself, where the
# command is empty.
_verse_words() {
  local program=$1 command=${2-}
  local key="_verse_known_$(printf '%s_%s' "$program" "$command" | tr -c 'A-Za-z0-9_\n' '_')"
  if [ -z "${!key-}" ]; then
    local words
    if [ $# = 2 ]; then
      words=$("$program" ${command:+"$command"} --help 2>/dev/null | grep -oE '(^|[ ,])--[a-z][a-z0-9-]*' | tr -d ' ,' | sort -u)
    else
      words=$("$program" --help 2>/dev/null | sed -nE 's/^  (gpt )?([a-z][a-z0-9-]*)( .*)?$/\2/p' | grep -vx gpt | sort -u)
    fi
    printf -v "$key" '%s' "$words"
  fi
  printf '%s\n' "${!key}"
}

_verse_complete() {
  local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=""
  # In `~/course/build/gpt` the shell has not yet replaced the tilde.
  program=${program/#\~/$HOME}
  COMPREPLY=()
  case "$before" in
    --data | --tokenizer | --prompt-file | --prompts | --out | --run | --from | --into | --build-dir)
      COMPREPLY=($(compgen -f -- "$word"))
      return
      ;;
    --preset) words="demo small shakespeare speedrun" ;;
    --device) words="auto cpu cuda" ;;
    *)
      if [ "${program##*/}" = tokenize ]; then
        words=$(_verse_words "$program" "")
      elif [ "$COMP_CWORD" = 1 ]; then
        words=$(_verse_words "$program")
      elif [ "${word#-}" != "$word" ]; then
        words="$(_verse_words "$program" "${COMP_WORDS[1]}") --help"
      elif [ "${program##*/}" = verse ]; then
        case "${COMP_WORDS[1]}" in
          hint | solve | reset | restore) words=$("$program" list --ids 2>/dev/null) ;;
          check | list | start | lint) words=$("$program" list --ids 2>/dev/null | cut -d. -f1 | sort -un) ;;
        esac
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -o default -F _verse_complete gpt my-gpt tokenize verse
