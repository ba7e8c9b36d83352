/* Names for the blocks of an image, by which the build script knows them again when the next commit has moved them all
 * (scripts/image). Only src/names.rs asks for them, while an image is made. */

static const char *text_of_atom(JSRuntime *rt, JSAtom atom)
{
    JSString *p;

    if (atom == JS_ATOM_NULL || __JS_AtomIsTaggedInt(atom))
        return "";
    p = rt->atom_array[atom];
    return p->is_wide_char || p->kind != JS_STRING_KIND_NORMAL ? "" : (const char *)str8(p);
}

static JSFunctionBytecode *bytecode_of(JSValueConst function)
{
    JSObject *p;

    if (JS_VALUE_GET_TAG(function) != JS_TAG_OBJECT)
        return NULL;
    p = JS_VALUE_GET_OBJ(function);
    return js_class_has_bytecode(p->class_id) ? p->u.func.function_bytecode : NULL;
}

/* The line to which a function has come: of its last call, as nothing else is noted. */
static int line_reached(JSStackFrame *sf, JSFunctionBytecode *b)
{
    static const uint8_t *last_pc;
    static int last_line;
    int column;

    if (sf->cur_pc == NULL)
        return b->line_num;
    if (sf->cur_pc != last_pc) {
        last_pc = sf->cur_pc;
        last_line = find_line_num(b->realm, b, last_pc - b->byte_code_buf - 1, &column);
    }
    return last_line;
}

/* Puts the names of up to `room` functions that are running into `names`, the innermost first, and returns how many.
 * `line` is where the outermost but one is, the one that the script calls. */
int quickjs_running(JSRuntime *rt, const char **names, int room, int *line)
{
    JSStackFrame *sf, *called = NULL, *script = NULL;
    JSFunctionBytecode *b;
    int count = 0;

    for (sf = rt->current_stack_frame; sf; sf = sf->prev_frame) {
        b = bytecode_of(sf->cur_func);
        if (!b)
            continue;
        if (count < room)
            names[count++] = text_of_atom(rt, b->func_name);
        called = script;
        script = sf;
    }
    *line = called ? line_reached(called, bytecode_of(called->cur_func)) : 0;
    return count;
}

/* Tells what blocks are that have a name of their own: names, code, functions. */
void quickjs_name_blocks(JSRuntime *rt, void (*name)(const void *block, int line, const char *kind, const char *name))
{
    struct list_head *el;
    uint32_t i;

#define NAME(p, line, kind, text) name(container_of(p, JSMallocBlockHeader, user_data), line, kind, text)
    for (i = 1; i < rt->atom_size; i++) {
        JSString *p = rt->atom_array[i];
        if (!atom_is_free(p))
            NAME(p, 0, "name", text_of_atom(rt, i));
    }
    list_for_each(el, &rt->gc_obj_list) {
        JSGCObjectHeader *gp = list_entry(el, JSGCObjectHeader, link);
        JSFunctionBytecode *b = NULL;
        const char *text;

        if (JS_GC_TYPE(gp) == JS_GC_OBJ_TYPE_FUNCTION_BYTECODE) {
            b = (JSFunctionBytecode *)gp;
            text = text_of_atom(rt, b->func_name);
            NAME(b, b->line_num, "code", text);
            if (b->pc2line_buf)
                NAME(b->pc2line_buf, b->line_num, "lines", text);
        } else if (JS_GC_TYPE(gp) == JS_GC_OBJ_TYPE_JS_OBJECT) {
            JSObject *p = (JSObject *)gp;
            b = bytecode_of(JS_MKPTR(JS_TAG_OBJECT, p));
            if (!b)
                continue;
            text = text_of_atom(rt, b->func_name);
            NAME(p, b->line_num, "function", text);
            if (p->prop)
                NAME(p->prop, b->line_num, "fields", text);
            if (p->u.func.var_refs)
                NAME(p->u.func.var_refs, b->line_num, "variables", text);
        }
    }
#undef NAME
}
