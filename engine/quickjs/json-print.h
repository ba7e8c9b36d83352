/* JSON printed quickly. */

#pragma GCC push_options
#pragma GCC optimize("O2", "omit-frame-pointer") /* as hot.txt */

/* Whether a text is the same in JSON, but for its quotation marks. */
static bool is_plain(JSString *p)
{
    if (p->is_wide_char || p->len > JS_STRING_LEN_MAX - 2)
        return false;
    const uint8_t *text = str8(p);
    for (uint32_t i = 0; i < p->len; i++) {
        uint8_t c = text[i];
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

static JSValue JS_ToQuotedString(JSContext *ctx, JSValueConst val1);

/* Once `b` has failed, nothing of what is printed may be looked at: Error.prepareStackTrace, which is the program's, has run
 * and may have freed it. Nor would the rest, which may be endless, be of use. */
static void json_text(JSContext *ctx, StringBuffer *b, JSString *p)
{
    if (unlikely(b->error_status))
        return;
    if (unlikely(!is_plain(p))) {
        string_buffer_concat_value_free(b, JS_ToQuotedString(ctx, JS_MKPTR(JS_TAG_STRING, p)));
        return;
    }
    if (string_buffer_putc8(b, '"') || string_buffer_write8(b, str8(p), p->len))
        return;
    string_buffer_putc8(b, '"');
}

static void json_line(StringBuffer *b, JSString *gap, int depth)
{
    if (gap->len == 0)
        return;
    string_buffer_putc8(b, '\n');
    while (depth-- > 0)
        string_buffer_concat(b, gap, 0, gap->len);
}

/* What nests deeper is left to QuickJS, which finds out whether it ever ends. */
enum { JSON_DEEPEST = 64 };

static bool json_value(JSContext *ctx, StringBuffer *b, JSValueConst val, JSString *gap, int depth);

static bool json_object(JSContext *ctx, StringBuffer *b, JSObject *p, JSString *gap, int depth)
{
    JSShapeProperty *prs = get_shape_prop(p->shape);
    bool is_first = true;

    if (string_buffer_putc8(b, '{'))
        return false;
    for (int i = 0; i < p->shape->prop_count; i++, prs++) {
        JSValueConst val = p->prop[i].u.value;
        JSString *name;

        if (prs->atom == JS_ATOM_toJSON)
            return false;
        if (prs->atom == JS_ATOM_NULL || !(prs->flags & JS_PROP_ENUMERABLE))
            continue;
        if ((prs->flags & JS_PROP_TMASK) || !is_name(ctx, prs->atom))
            return false;
        if (JS_IsUndefined(val))
            continue;
        name = ctx->rt->atom_array[prs->atom];
        if (!is_first)
            string_buffer_putc8(b, ',');
        is_first = false;
        json_line(b, gap, depth + 1);
        json_text(ctx, b, name);
        string_buffer_putc8(b, ':');
        if (gap->len > 0)
            string_buffer_putc8(b, ' ');
        if (!json_value(ctx, b, val, gap, depth + 1))
            return false;
    }
    if (!is_first)
        json_line(b, gap, depth);
    return !string_buffer_putc8(b, '}');
}

static bool json_array(JSContext *ctx, StringBuffer *b, JSObject *p, JSString *gap, int depth)
{
    if (string_buffer_putc8(b, '['))
        return false;
    for (uint32_t i = 0; i < p->u.array.count; i++) {
        JSValueConst val = p->u.array.u.values[i];

        if (i > 0)
            string_buffer_putc8(b, ',');
        json_line(b, gap, depth + 1);
        if (!json_value(ctx, b, val, gap, depth + 1))
            return false;
    }
    if (p->u.array.count > 0)
        json_line(b, gap, depth);
    return !string_buffer_putc8(b, ']');
}

static bool json_value(JSContext *ctx, StringBuffer *b, JSValueConst val, JSString *gap, int depth)
{
    if (unlikely(b->error_status))
        return false;
    switch (JS_VALUE_GET_NORM_TAG(val)) {
    case JS_TAG_STRING:
        json_text(ctx, b, JS_VALUE_GET_STRING(val));
        return !b->error_status;
    case JS_TAG_FLOAT64:
        if (!isfinite(JS_VALUE_GET_FLOAT64(val)))
            return false;
        /* fall through */
    case JS_TAG_INT:
    case JS_TAG_BOOL:
    case JS_TAG_NULL:
        return !string_buffer_concat_value(b, val);
    case JS_TAG_OBJECT:
        break;
    default:
        return false;
    }
    JSObject *p = JS_VALUE_GET_OBJ(val);
    if (depth == JSON_DEEPEST)
        return false;
    if (p->class_id == JS_CLASS_ARRAY)
        return p->fast_array && p->shape->proto == JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_ARRAY]) &&
            /* No other key, which might be toJSON, and no length beyond what is there. */
            p->shape->prop_count == 1 && JS_VALUE_GET_TAG(p->prop[0].u.value) == JS_TAG_INT &&
            (uint32_t)JS_VALUE_GET_INT(p->prop[0].u.value) == p->u.array.count && json_array(ctx, b, p, gap, depth);
    return p->class_id == JS_CLASS_OBJECT && !p->is_exotic &&
        (!p->shape->proto || p->shape->proto == JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT])) &&
        json_object(ctx, b, p, gap, depth);
}

/* The JSON of objects, arrays, texts and whole numbers without anything that looking at them would run. False if there is
 * more to it, or `b` has failed; what has been written is of no use then. */
static bool json_plain(JSContext *ctx, StringBuffer *b, JSValueConst val, JSString *gap)
{
    JSObject *of_objects = JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_OBJECT]);
    JSObject *of_arrays = JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_ARRAY]);

    return of_arrays->shape->proto == of_objects && !find_own_property1(of_objects, JS_ATOM_toJSON) &&
        !find_own_property1(of_arrays, JS_ATOM_toJSON) && json_value(ctx, b, val, gap, 0);
}

#pragma GCC pop_options
