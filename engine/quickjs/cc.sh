#!/bin/sh
# The C compiler ENGINE_CC, with our changes to QuickJS made before that is compiled: changes.sed, and the functions of
# hot.txt for speed.
set -e
here=$(dirname "$0")
for argument do
  case $argument in
  *quickjs.c)
    sed -i -f "$here/changes.sed" "$argument"
    changed=$(grep -c '/\* engine \*/$' "$argument")
    wanted=$(sed -n 's/^# Lines to change: //p' "$here/changes.sed")
    [ "$changed" = "$wanted" ] || { echo "$0: $changed lines of $argument changed, not $wanted" >&2; exit 1; }
    awk -f "$here/hot.awk" "$here/hot.txt" "$argument" >"$argument.hot"
    mv "$argument.hot" "$argument"
    ;;
  esac
done
exec "$ENGINE_CC" -I "$here" "$@"
