/* Objects made, and texts looked through, quickly.
 *
 * Most objects of a program that runs once are made by a literal that runs once. So what counts is what the first
 * object of a shape costs: nothing can be remembered from the one before. */

#pragma GCC push_options
#pragma GCC optimize("O2", "omit-frame-pointer") /* as hot.txt */

/* JS_DefinePropertyValue, without its questions where an ordinary object simply gets a new property. */
static int add_field(JSContext *ctx, JSValueConst obj, JSAtom prop, JSValue val, int flags)
{
    JSProperty *pr;

    if (likely(JS_VALUE_GET_TAG(obj) == JS_TAG_OBJECT)) {
        JSObject *p = JS_VALUE_GET_OBJ(obj);
        if (likely(!p->is_exotic && p->extensible && !find_own_property(&pr, p, prop))) {
            pr = add_property(ctx, p, prop, flags & JS_PROP_C_W_E);
            if (unlikely(!pr)) {
                JS_FreeValue(ctx, val);
                return -1;
            }
            pr->u.value = val;
            return true;
        }
    }
    return JS_DefinePropertyValue(ctx, obj, prop, val, flags);
}

static JSValue js_string_charCodeAt(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv);

/* A call of charCodeAt as the interpreter has it on its stack: this, the function, the place. The code takes the place of
 * this. False where it is not as simple as that. */
static inline __attribute__((always_inline)) bool char_code_at(JSContext *ctx, JSValue *argv)
{
    JSObject *function;
    JSString *p;
    int at;

    if (JS_VALUE_GET_TAG(argv[0]) != JS_TAG_INT || JS_VALUE_GET_TAG(argv[-2]) != JS_TAG_STRING ||
        JS_VALUE_GET_TAG(argv[-1]) != JS_TAG_OBJECT)
        return false;
    function = JS_VALUE_GET_OBJ(argv[-1]);
    if (function->class_id != JS_CLASS_C_FUNCTION || function->u.cfunc.c_function.generic != js_string_charCodeAt)
        return false;
    p = JS_VALUE_GET_STRING(argv[-2]);
    at = JS_VALUE_GET_INT(argv[0]);
    if (at < 0 || at >= (int)p->len)
        return false;
    at = string_get(p, at);
    JS_FreeValue(ctx, argv[-1]);
    JS_FreeValue(ctx, argv[-2]);
    argv[-2] = js_int32(at);
    return true;
}

static bool is_ascii(JSString *p)
{
    if (p->is_wide_char)
        return false;
    const uint8_t *text = str8(p);
    for (uint32_t i = 0; i < p->len; i++) {
        if (text[i] >= 128)
            return false;
    }
    return true;
}

/* A text of ASCII in lower or upper case. */
static JSValue other_case(JSContext *ctx, JSString *p, bool is_lower)
{
    JSString *other = js_alloc_string(ctx, p->len, 0);
    uint8_t first = is_lower ? 'A' : 'a';

    if (unlikely(!other))
        return JS_EXCEPTION;
    const uint8_t *from = str8(p);
    uint8_t *to = str8(other);
    for (uint32_t i = 0; i < p->len; i++) {
        uint8_t c = from[i];
        to[i] = c >= first && c < first + 26 ? c ^ 32 : c;
    }
    to[p->len] = 0;
    return JS_MKPTR(JS_TAG_STRING, other);
}

/* Whether a key is a text and no number: those come before all others, in their order. From 2^31 on they are texts among
 * the atoms. */
static bool is_name(JSContext *ctx, JSAtom atom)
{
    JSAtomStruct *p;
    uint32_t number;

    if (__JS_AtomIsTaggedInt(atom))
        return false;
    p = ctx->rt->atom_array[atom];
    if (p->atom_type != JS_ATOM_TYPE_STRING)
        return false;
    /* What most begin with tells it. */
    return (!p->is_wide_char && p->len > 0 && str8(p)[0] > '9') || !is_num_string(&number, p);
}

/* Whether all that the object has are values under names, which its shape has in their order. */
static bool has_plain_fields(JSContext *ctx, JSObject *p)
{
    JSShapeProperty *prs = get_shape_prop(p->shape);

    if (p->class_id != JS_CLASS_OBJECT || p->is_exotic)
        return false;
    for (int i = 0; i < p->shape->prop_count; i++, prs++) {
        if (prs->atom != JS_ATOM_NULL && ((prs->flags & JS_PROP_TMASK) || !is_name(ctx, prs->atom)))
            return false;
    }
    return true;
}

/* Whether all that a loop finds on the way are the object's own keys, in the order in which its shape has them. */
static bool is_plain_in_loops(JSContext *ctx, JSObject *p)
{
    JSShape *sh = p->shape;
    JSObject *root = JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT]);
    JSShapeProperty *prs;

    /* One that has no hash may change while it is shared. */
    if (!sh->is_hashed || (sh->proto && sh->proto != root) || !has_plain_fields(ctx, p))
        return false;
    if (!sh->proto)
        return true;
    prs = get_shape_prop(root->shape);
    for (int i = 0; i < root->shape->prop_count; i++, prs++) {
        if (prs->flags & JS_PROP_ENUMERABLE)
            return false;
    }
    return true;
}

/* A loop's iterator over a plain object: its shape, of which the iterator wants nothing but the names. Undefined for any
 * other value, which stays the caller's. */
static JSValue plain_for_in(JSContext *ctx, JSValue obj)
{
    JSForInIterator *it;
    JSObject *p;
    JSValue loop;

    if (JS_VALUE_GET_TAG(obj) != JS_TAG_OBJECT || !is_plain_in_loops(ctx, JS_VALUE_GET_OBJ(obj)))
        return JS_UNDEFINED;
    it = js_malloc(ctx, sizeof(*it));
    if (!it) {
        JS_FreeValue(ctx, obj);
        return JS_EXCEPTION;
    }
    loop = JS_NewObjectFromShape(ctx, js_dup_shape(JS_VALUE_GET_OBJ(obj)->shape), JS_CLASS_FOR_IN_ITERATOR, NULL);
    if (JS_IsException(loop)) {
        js_free(ctx, it);
        JS_FreeValue(ctx, obj);
        return JS_EXCEPTION;
    }
    it->is_array = false;
    it->obj = obj;
    it->idx = 0;
    p = JS_VALUE_GET_OBJ(loop);
    p->u.for_in_iterator = it;
    for (int i = 0; i < p->shape->prop_count; i++)
        p->prop[i].u.value = JS_UNDEFINED;
    return loop;
}

#pragma GCC pop_options

/* Has an object that begins empty get room for six properties at once, not for two, then three, four and six. An image's
 * own objects stay as small as they are: src/room.rs calls this when they are made. */
void quickjs_give_room(JSContext *ctx);
void quickjs_give_room(JSContext *ctx)
{
    /* It comes before the one there was in the list of shapes, and stays for good. */
    js_new_shape2(ctx, JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT]), 8, 6);
}

/* Has new names take places in the table of names that lie side by side, those at its end: what a program of an image
 * writes to is copied page by page. */
void quickjs_order_free_names(JSRuntime *rt);
void quickjs_order_free_names(JSRuntime *rt)
{
    uint32_t end = rt->atom_size, next = 0;

    while (end > 1 && atom_is_free(rt->atom_array[end - 1]))
        end--;
    for (uint32_t part = 0; part < 2; part++) {
        uint32_t from = part ? rt->atom_size : end, to = part ? end : 1;
        for (uint32_t i = from; i-- > to;) {
            if (!atom_is_free(rt->atom_array[i]))
                continue;
            rt->atom_array[i] = atom_set_free(next);
            next = i;
        }
    }
    rt->atom_free_index = next;
}
