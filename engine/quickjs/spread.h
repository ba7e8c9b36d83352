/* What { ...source } and const { key, ...rest } = source copy of a plain object: no list of its keys is made, none of them
 * looked for. */

#pragma GCC push_options
#pragma GCC optimize("O2", "omit-frame-pointer") /* as hot.txt */

/* Whether `to`, which is new, can have the whole of `source` by having its shape. One that has no hash may change while it is
 * shared. */
static bool can_share(JSObject *to, JSObject *source)
{
    JSShape *sh = source->shape;
    JSShapeProperty *prs = get_shape_prop(sh);

    if (to->class_id != JS_CLASS_OBJECT || to->is_exotic || !to->extensible || to->shape->prop_count > 0 ||
        !sh->is_hashed || to->shape->proto != sh->proto)
        return false;
    for (int i = 0; i < sh->prop_count; i++, prs++) {
        if (prs->atom == JS_ATOM_NULL || prs->flags != JS_PROP_C_W_E)
            return false;
    }
    return true;
}

/* The fields of `source`, with its values or without. */
static int share_fields(JSContext *ctx, JSObject *to, JSObject *source, bool with_values)
{
    JSShape *sh = source->shape;

    if (sh->prop_size > to->shape->prop_size) {
        JSProperty *prop = js_realloc(ctx, to->prop, sizeof(*prop) * sh->prop_size);
        if (unlikely(!prop))
            return -1;
        to->prop = prop;
    }
    for (int i = 0; i < sh->prop_count; i++)
        to->prop[i].u.value = with_values ? js_dup(source->prop[i].u.value) : JS_UNDEFINED;
    js_free_shape(ctx->rt, to->shape);
    to->shape = js_dup_shape(sh);
    return 1;
}

/* 1 once all is copied but what `excluded` has; 0 where there is more to the source than names and values, and nothing has
 * been done; -1 for an exception. */
static int copy_fields(JSContext *ctx, JSValueConst target, JSObject *source, JSObject *excluded)
{
    JSShapeProperty *prs = get_shape_prop(source->shape);
    int count = source->shape->prop_count;

    if (JS_VALUE_GET_TAG(target) != JS_TAG_OBJECT || !has_plain_fields(ctx, source))
        return 0;
    if (!excluded && can_share(JS_VALUE_GET_OBJ(target), source))
        return share_fields(ctx, JS_VALUE_GET_OBJ(target), source, true);
    for (int i = 0; i < count; i++) {
        if (prs[i].atom == JS_ATOM_NULL || !(prs[i].flags & JS_PROP_ENUMERABLE) ||
            (excluded && find_own_property1(excluded, prs[i].atom)))
            continue;
        if (add_field(ctx, target, prs[i].atom, js_dup(source->prop[i].u.value), JS_PROP_C_W_E) < 0)
            return -1;
    }
    return 1;
}

#pragma GCC pop_options
