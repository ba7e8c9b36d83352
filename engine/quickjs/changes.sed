# What is changed in QuickJS's source. cc.sh applies it to the copy that is compiled, and counts: each line that a
# command below changes ends in the mark.
# Lines to change: 47

# Small blocks come from blocks.h, and one by one from the allocator below while an image is made.
s|^#define JS_ARENA_LARGE_BLOCKS_ONLY 0$|#define JS_ARENA_LARGE_BLOCKS_ONLY quickjs_single_blocks /* engine */|
s|^} JSArenaState;|    /* by size; each holds the next one */\n    void *freed[JS_ARENA_BLOCK_SIZE_COUNT];\n    uint8_t *fresh, *fresh_end;\n& /* engine */|
s|^static void \*js_arena_malloc(.*|#include "blocks.h"\nstatic void *slab_malloc(JSRuntime *rt, size_t size) /* engine */|
s|^static void js_arena_free(.*|static void slab_free(JSRuntime *rt, void *ptr) /* engine */|

# Reference counts are kept by counts.h, everywhere but in the collector, which counts down and up again by itself.
s|^#define JS_GC_MARK(p) .*|&\n#include "counts.h" /* engine */|
/^static void gc_decref_child/,/^static void gc_free_cycles/!{
  s|\bJS_REF_COUNT(\([a-z_0-9>-]*\))++;|js_ref(\1); /* engine */|
  s|\bif (--JS_REF_COUNT(\([a-z_0-9]*\)) > 0)$|if (!js_unref(\1)) /* engine */|
  s|--JS_REF_COUNT(\([a-z_0-9]*\)) [<=]= 0\()*\)\( {\)\?$|js_unref(\1)\2\3 /* engine */|
  s|\bJS_REF_COUNT(\([a-z_0-9]*\))--;|js_unref(\1); /* engine */|
}

# What is one or two instructions is so everywhere: gcc puts no function compiled for size into one compiled for speed,
# nor the other way round.
s/^static inline \(.*\b\(js_rc\|strv\|str8\|str16\|prop_hash_end\|get_shape_prop\|get_alloc_from_shape\|arena_zero_block\|js_get_stack_pointer\|js_check_stack_overflow\|is_strict_mode\)(.*\)/static inline __attribute__((always_inline)) \1 \/* engine *\//

# Bytecode without what nobody asks for at run time: names of local variables, but for the message that one is used
# before its declaration; and all about local variables where no closure refers to one. 120 KB of bridge's image.
/^static int JS_WriteFunctionTag/,/^}/{
  s|bc_put_atom(s, vd->var_name);|bc_put_atom(s, JS_ATOM_NULL); /* engine */|
  s|bc_put_atom(s, cv->var_name);|bc_put_atom(s, cv->closure_type <= JS_CLOSURE_REF ? JS_ATOM_NULL : cv->var_name); /* engine */|
  s|if (b->vardefs) {|if (b->vardefs \&\& b->var_ref_count > 0) { /* engine */|
}

# What came into the language after ES2023, and is so large that it shows: iterator helpers.
/^static const JSCFunctionListEntry js_iterator_proto_funcs/,/^}/{
  /js_create_iterator_helper\|js_iterator_proto_func,\|js_iterator_proto_\(includes\|join\|reduce\|toArray\)/d
  s|^};|& /* engine */|
}
/^static const JSCFunctionListEntry js_iterator_helper_proto_funcs/,/^}/{
  /js_iterator_helper_next/d
  s|^};|& /* engine */|
}

# Keys that are whole numbers differ in the upper bits of their hash only, of which a table takes the lower ones: a map
# from a thousand ports had eight lists.
/^static uint32_t map_hash_key/,/^}/{
  s|h = (u.u32\[0\] ^ u.u32\[1\]) \* 3163;|h = (u.u32[0] ^ u.u32[1]) * 0x9e3779b1u; h ^= h >> 15; /* engine */|
}
