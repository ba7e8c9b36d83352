/* Reference counts that stay as they are.
 *
 * What lies in a heap image lives as long as the process. Counting references to it would still write to it, and the
 * first write to each page of a private mapping has the kernel copy that page: 1 to 3 us, on most of an image's pages.
 * So src/pack.rs gives the image's blocks a count far above any other, and such a count is only ever read. */

#pragma GCC push_options
#pragma GCC optimize("O2", "omit-frame-pointer") /* as hot.txt */

/* Half way down from what pack.rs sets, so that the collector, which counts down and up again, stays above it. */
#define JS_COUNT_FIXED 0x40000000

static inline void js_ref(const void *p)
{
    int count = JS_REF_COUNT(p);
    if (count < JS_COUNT_FIXED)
        JS_REF_COUNT(p) = count + 1;
}

/* True if that was the last reference. */
static inline bool js_unref(const void *p)
{
    int count = JS_REF_COUNT(p);
    if (count >= JS_COUNT_FIXED)
        return false;
    JS_REF_COUNT(p) = --count;
    return count <= 0;
}

#pragma GCC pop_options
