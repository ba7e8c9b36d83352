# What is changed in QuickJS's source. cc.sh applies it to the copy that is compiled, and counts: each line that a
# command below changes ends in the mark.
# Lines to change: 94

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

# Objects get their properties by fast.h, and room for six where there was room for two; but not those of an image, where
# it would stay unused.
/^static void js_function_set_properties/,/^}/s|JS_DefinePropertyValue(\(.*\)$|add_field(\1 /* engine */|
s|^static void js_function_set_properties(.*|static int add_field(JSContext *ctx, JSValueConst obj, JSAtom prop, JSValue val, int flags); /* engine */\n&|
s/^#define JS_PROP_INITIAL_SIZE 2$/#define JS_PROP_INITIAL_SIZE (quickjs_single_blocks ? 2 : 6) \/* engine *\//
s/^#define JS_PROP_INITIAL_HASH_SIZE 4 .*/#define JS_PROP_INITIAL_HASH_SIZE (quickjs_single_blocks ? 4 : 8) \/* engine *\//
/^        CASE(OP_define_field):/,/BREAK;/s|JS_DefinePropertyValue(\(.*\)$|add_field(\1 /* engine */|
/^static JSProperty \*add_property(/,/^}/s|if (new_sh->prop_size != sh->prop_size) {|if (new_sh->prop_size > sh->prop_size) { /* engine */|

# JSON's texts, too, where nothing in one needs a backslash.
/^static JSValue JS_ToQuotedString(/,/^}/s|^    p = JS_VALUE_GET_STRING(val);|&\n    if (is_plain(p)) {\n        JSValue quoted = quote_plain(ctx, p);\n        JS_FreeValue(ctx, val);\n        return quoted;\n    } /* engine */|
s|^static JSValue JS_ToQuotedString(.*|#include "fast.h"\n#include "spread.h"\n#include "json-print.h" /* engine */\n&|

# A small block is taken or given back in a few instructions (blocks.h).
/^void \*js_malloc_rt(/,/^}/s|^    s = &rt->malloc_state;|    ptr = take_block(rt, size);\n    if (likely(ptr))\n        return ptr;\n& /* engine */|
s|^void \*js_malloc_rt(JSRuntime \*rt, size_t size)$|#include "blocks-fast.h" /* engine */\n&|
/^void js_free_rt(/,/^}/s|^    s = &rt->malloc_state;|    if (likely(give_block(rt, ptr)))\n        return;\n& /* engine */|

# So has a whole object, where it and all in it are plain.
/^JSValue JS_JSONStringify(/,/^}/s|^    wrapper = JS_NewObject(ctx);|    if (JS_IsUndefined(jsc->replacer_func) \&\& JS_IsUndefined(jsc->property_list)) {\n        if (json_plain(ctx, jsc->b, obj, JS_VALUE_GET_STRING(jsc->gap))) {\n            ret = string_buffer_end(jsc->b);\n            goto done;\n        }\n        if (jsc->b->error_status)\n            goto exception;\n        string_buffer_free(jsc->b);\n        string_buffer_init(ctx, jsc->b, 0);\n    }\n& /* engine */|

# And read: its objects as those of a literal, those of a list as the one before, a plain text in one piece, a whole number
# as one. At most as deep as Go does, so that who wants the same need not look through the text again.
/^static JSValue json_parse_value(/,/^}/{
  s|ret = JS_DefinePropertyValue(ctx, val, prop_name,$|ret = json_field(ctx, \&val, \&expected, \&found, prop_name, /* engine */|
  s|^            JSAtom prop_name;|&\n            int expected = 0, found = 0; /* engine */|
  s|^            val = JS_NewObject(ctx);|            val = pr ? JS_NewObject(ctx) : json_new_object(s, \&expected); /* engine */|
  s|^                    if (s->token.val == '}')|                    if (s->token.val == '}' \&\& json_keep_found(ctx, \&val, \&expected, found) < 0)\n                        goto fail;\n& /* engine */|
  s|^            uint32_t idx;|&\n            JSObject *before = NULL; /* engine */|
  s|^    if (js_check_stack_overflow(ctx->rt, 0)) {|    if (s->depth >= 10000 \&\& (s->token.val == '{' \|\| s->token.val == '[')) {\n        json_parse_error(s, s->token.ptr, "Nested too deeply");\n        return JS_EXCEPTION;\n    }\n& /* engine */|
  s|^                    prop_val = json_parse_value(s, pr1);|                    s->depth++;\n&\n                    s->depth--; /* engine */|
  s|^                    el = json_parse_value(s, pr1);|                    s->like = before;\n                    s->depth++;\n&\n                    s->depth--;\n                    s->like = NULL;\n                    before = JS_VALUE_GET_TAG(el) == JS_TAG_OBJECT ? JS_VALUE_GET_OBJ(el) : NULL; /* engine */|
}
s|^    bool allow_html_comments;|&\n    struct JSObject *like;\n    int depth; /* engine */|
/^static int json_parse_string(/,/^}/s|^    if (string_buffer_init(s->ctx, b, 48))|    if (json_plain_text(s, pp))\n        return JS_IsException(s->token.u.str.str) ? -1 : 0;\n& /* engine */|
/^static int json_parse_number(/,/^}/s|js_float64(strtod((const char \*)p_start, NULL));|json_number(p_start, p); /* engine */|
s|^static int json_parse_string(JSParseState .*|#include "json-read.h"\n&|

# What is thrown again has its stack, if it wants one: it was noted, at 50,000 instructions, and thrown away.
s/^    || JS_IsUndefined(ctx->error_back_trace)) {$/    ) { \/* engine *\//

# Long texts are looked through by the C library.
/^static int string_indexof_char(/,/^}/s|^        if ((c & ~0xff) == 0) {|        if ((c \& ~0xff) == 0 \&\& from < len) {\n            const uint8_t *found = memchr(str8(p) + from, c, len - from);\n            return found ? found - str8(p) : -1; /* engine */|

# A variable is not asked whether it has been set where its declaration stands before, in the same function: it has. Not
# so in a switch, whose cases may be jumped to, in the head of a loop over something, which is moved, nor where a pattern
# is given its value or a default: that is compiled after the pattern.
/^typedef struct JSVarDef {/,/^}/s|^    uint8_t var_kind : 4;.*|&\n    uint8_t is_set : 1, keeps_checks : 1, is_checked : 1; /* engine */|
/^typedef struct JSVarScope {/,/^}/s|^    uint8_t has_using : 1;.*|&\n    uint8_t keeps_checks : 1; /* engine */|
/^static int push_scope(/,/^}/s|^        fd->scopes\[scope\].has_using = 0;|&\n        fd->scopes[scope].keeps_checks = 0; /* engine */|
/^    case TOK_SWITCH:/,/push_break_entry(/s|^            push_scope(s);|&\n            s->cur_func->scopes[s->cur_func->scope_level].keeps_checks = 1; /* engine */|
/^static __exception int js_parse_for_in_of(/,/^}/s|^    push_scope(s);|&\n    s->cur_func->scopes[s->cur_func->scope_level].keeps_checks = 1; /* engine */|
/^static int js_parse_destructuring_element(/,/^}/{
  s|^    label_lvalue = -1;|    int first = s->cur_func->var_count;\n& /* engine */|
  s|^        has_initializer = true;|        for (int i = first; i < s->cur_func->var_count; i++)\n            s->cur_func->vars[i].keeps_checks = 1;\n& /* engine */|
}
/^static int resolve_scope_var(/,/^}/{
  /^        local_scope_var:/,/^            break;/{
    s|^            is_put = .*|&\n            if (op == OP_scope_put_var_init \&\& !(var_idx \& ARGUMENT_VAR_OFFSET) \&\& var_name != JS_ATOM_this \&\&\n                !s->vars[var_idx].keeps_checks \&\& !s->scopes[s->vars[var_idx].scope_level].keeps_checks)\n                s->vars[var_idx].is_set = 1; /* engine */|
    s#dbuf_putc(bc, OP_\(get\|put\)_loc_check);#dbuf_putc(bc, s->vars[var_idx].is_set ? OP_\1_loc : (s->vars[var_idx].is_checked = 1, OP_\1_loc_check)); /* engine */#
  }
}
# Nor is one marked as not set that nobody asks: no check, no function inside, no end of a scope that disposes of it.
/^static __exception int resolve_labels(/,/^}/s#^        case OP_call:$#        case OP_set_loc_uninitialized:\n            {\n                JSVarDef *vd = \&s->vars[get_u16(bc_buf + pos + 1)];\n                if (vd->is_checked || vd->is_captured || s->scopes[vd->scope_level].has_using)\n                    goto no_change;\n                break;\n            }\n& /* engine */#

# What is stored by a computed key has that made a text, where it is none, when it is stored, and in none of the eleven steps
# around the value that saw to it before. V8 has it so too, but that it makes none for null and undefined.
/^static __exception int js_parse_assign_expr2(/,/^}/{
  s|^            int label_next = -1;|            /* engine */|
  s|^            emit_op(s, OP_swap); // obj key val -> obj val key|            /* engine */|
  /OP_swap); \/\/ obj key -> key obj/,/emit_label(s, label_next);$/d
  /^            emit_op(s, OP_\(swap\|to_propkey\));$/d
}

# What a throw has left behind of a block is closed when it begins anew (scopes.h).
/^static __exception int resolve_variables(/,/^}/{
  s|^static __exception int resolve_variables(.*|#include "scopes.h"\n&|
  /^        case OP_enter_scope:/,/^            break;/s|^                int scope_idx, scope = get_u16(bc_buf + pos + 1);|&\n                close_captured(s, scope, \&bc_out); /* engine */|
}

# And texts in texts as split and replaceAll have it done, not by comparing at each place.
/^static JSValue js_string_indexOf(/,/^}/s|^    if (len >= v_len && inc .*|    if (len >= v_len \&\& !lastIndexOf)\n        ret = string_indexof(p, p1, start);\n    else & /* engine */|
/^static JSValue js_string_includes(/,/^}/s/^    if (start >= 0 && start <= stop) {/    if (magic == 0)\n        ret = start <= stop \&\& string_indexof(p, p1, start) >= 0;\n    else if (start >= 0 \&\& start <= stop) { \/* engine *\//
/^static JSValue js_string_toLowerCase(/,/^}/s|^    if (string_buffer_init(ctx, b, p->len))|    if (is_ascii(p)) {\n        JSValue other = other_case(ctx, p, to_lower);\n        JS_FreeValue(ctx, val);\n        return other;\n    }\n& /* engine */|

# One character after another is what every reader of a text asks for.
/^        CASE(OP_call_method):/,/^            BREAK;/s|^                call_argv = sp - call_argc;|&\n                if (call_argc == 1 \&\& opcode == OP_call_method \&\& char_code_at(ctx, call_argv)) {\n                    sp -= 2;\n                    BREAK;\n                } /* engine */|

# A spread takes them as they lie (spread.h).
/^static __exception int JS_CopyDataProperties(/,/^}/s|^    p = JS_VALUE_GET_OBJ(source);|&\n    if (!setprop \&\& (ret = copy_fields(ctx, target, p, pexcl)) != 0)\n        return ret < 0 ? -1 : 0; /* engine */|

# To go through a plain object's keys takes no list of them.
/^static JSValue build_for_in_iterator(/,/^}/s|^    tag = JS_VALUE_GET_TAG(obj);|&\n    enum_obj = plain_for_in(ctx, obj);\n    if (!JS_IsUndefined(enum_obj))\n        return enum_obj; /* engine */|

# The blocks of an image have names (names.h).
$s|$|\n#include "names.h" /* engine */|
