#!/bin/sh
# The C compiler ENGINE_CC, with one change to QuickJS: its switch between slabs and single blocks, a constant there,
# becomes the variable that src/pack.rs sets while an image is made.
for argument do
  case $argument in
  *quickjs.c)
    sed -i 's/^#define JS_ARENA_LARGE_BLOCKS_ONLY 0$/extern int quickjs_single_blocks;\n#define JS_ARENA_LARGE_BLOCKS_ONLY quickjs_single_blocks/' "$argument"
    grep -q 'quickjs_single_blocks;' "$argument" || { echo "$0: $argument has changed" >&2; exit 1; }
    ;;
  esac
done
exec "$ENGINE_CC" "$@"
