/* A block that a throw has left keeps the variables that functions inside refer to: nothing was done at its end. Begun anew,
 * it would share them with the functions of the round before. So they are closed where a block begins, as well. */

static void close_captured(JSFunctionDef *s, int scope, DynBuf *bc)
{
    if (scope == s->body_scope)
        return; /* begins once a call */
    for (int i = s->scopes[scope].first; i >= 0 && s->vars[i].scope_level == scope; i = s->vars[i].scope_next) {
        if (s->vars[i].is_captured) {
            dbuf_putc(bc, OP_close_loc);
            dbuf_put_u16(bc, i);
        }
    }
}
