/* JSON read quickly, where it is plain. */

#pragma GCC push_options
#pragma GCC optimize("O2", "omit-frame-pointer") /* as hot.txt */

/* A text of printable ASCII without escapes, or an exception. False where it is another: json_parse_string then finds out
 * what. */
static bool json_plain_text(JSParseState *s, const uint8_t **pp)
{
    const uint8_t *start = *pp, *p = start;

    while (p < s->buf_end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
        p++;
    if (p == s->buf_end || *p != '"')
        return false;
    s->token.val = TOK_STRING;
    s->token.u.str.sep = '"';
    s->token.u.str.str = js_new_string8_len(s->ctx, (const char *)start, p - start);
    *pp = p + 1;
    return true;
}

/* The number from `start` to `end`, which is right JSON. */
static JSValue json_number(const uint8_t *start, const uint8_t *end)
{
    /* As many digits always fit. */
    enum { SHORT = 9 };
    const uint8_t *p = start;
    int number = 0;

    if (end - start > SHORT)
        return js_float64(strtod((const char *)start, NULL));
    while (p < end && is_digit(*p))
        number = number * 10 + (*p++ - '0');
    return p == end ? js_int32(number) : js_float64(strtod((const char *)start, NULL));
}

/* A new object. In a list it has the fields of the one before, as those of a list are alike mostly: `expected` of them, which
 * are to be found in their order. */
static JSValue json_new_object(JSParseState *s, int *expected)
{
    JSObject *like = s->like;
    JSValue object = JS_NewObject(s->ctx);

    s->like = NULL;
    *expected = 0;
    if (!like || s->token.val == '}' || JS_IsException(object) || !can_share(JS_VALUE_GET_OBJ(object), like))
        return object;
    if (share_fields(s->ctx, JS_VALUE_GET_OBJ(object), like, false) < 0) {
        JS_FreeValue(s->ctx, object);
        return JS_EXCEPTION;
    }
    *expected = like->shape->prop_count;
    return object;
}

/* Leaves an object with those of the expected fields only that were found. */
static int json_keep_found(JSContext *ctx, JSValue *object, int *expected, int found)
{
    JSObject *p = JS_VALUE_GET_OBJ(*object);
    JSShapeProperty *prs = get_shape_prop(p->shape);
    JSValue kept;

    if (found >= *expected)
        return 0;
    *expected = 0;
    kept = JS_NewObject(ctx);
    if (JS_IsException(kept))
        return -1;
    for (int i = 0; i < found; i++) {
        if (add_field(ctx, kept, prs[i].atom, js_dup(p->prop[i].u.value), JS_PROP_C_W_E) < 0) {
            JS_FreeValue(ctx, kept);
            return -1;
        }
    }
    JS_FreeValue(ctx, *object);
    *object = kept;
    return 0;
}

/* Gives an object its next field. */
static int json_field(JSContext *ctx, JSValue *object, int *expected, int *found, JSAtom name, JSValue val, int flags)
{
    JSObject *p = JS_VALUE_GET_OBJ(*object);

    if (*found < *expected && get_shape_prop(p->shape)[*found].atom == name) {
        p->prop[(*found)++].u.value = val;
        return 1;
    }
    if (json_keep_found(ctx, object, expected, *found) < 0) {
        JS_FreeValue(ctx, val);
        return -1;
    }
    return add_field(ctx, *object, name, val, flags);
}

#pragma GCC pop_options
