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

#pragma GCC pop_options
