/* Objects and JSON made quickly.
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

/* Whether a text is the same in JSON, but for its quotation marks. */
static bool is_plain(JSString *p)
{
    if (p->is_wide_char || p->len > JS_STRING_LEN_MAX - 2)
        return false;
    for (uint32_t i = 0; i < p->len; i++) {
        uint8_t c = str8(p)[i];
        if (c < 32 || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static JSValue quote_plain(JSContext *ctx, JSString *p)
{
    JSString *quoted = js_alloc_string(ctx, p->len + 2, 0);

    if (unlikely(!quoted))
        return JS_EXCEPTION;
    str8(quoted)[0] = '"';
    memcpy(str8(quoted) + 1, str8(p), p->len);
    str8(quoted)[p->len + 1] = '"';
    str8(quoted)[p->len + 2] = 0;
    return JS_MKPTR(JS_TAG_STRING, quoted);
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
