/* Small blocks one behind the other.
 *
 * QuickJS has a slab of 4 KB for each of 31 sizes. A program that runs for a millisecond fills none of them, and each
 * page that it touches costs it a fault. Here, blocks of all sizes are carved off the same memory, and a freed one is
 * kept for the next of its size. Such memory is never given back; what is larger comes from src/arena.rs as before.
 *
 * Takes the place of the two functions of QuickJS that changes.sed renames; the rest of its allocator goes with it. */

#pragma GCC push_options
#pragma GCC optimize("O2", "omit-frame-pointer") /* as hot.txt */

/* Set by src/pack.rs while an image is made, to place each block by itself. */
int quickjs_single_blocks;

/* With the header that src/arena.rs puts before it, a size it has a class for. */
enum { CHUNK = 16 * 1024 - 8 };

static no_inline JSMallocBlockHeader *carve_block(JSRuntime *rt, int size_idx)
{
    JSArenaState *s = &rt->arena_state;
    unsigned int size = arena_block_sizes[size_idx];
    JSMallocBlockHeader *b;

    if ((size_t)(s->fresh_end - s->fresh) < size) {
        uint8_t *chunk = rt->mf.js_malloc(rt->malloc_state.opaque, CHUNK);
        if (!chunk)
            return NULL;
        s->fresh = chunk;
        s->fresh_end = chunk + CHUNK;
    }
    b = (JSMallocBlockHeader *)s->fresh;
    s->fresh += size;
    b->u.block_idx = 0; /* anything but JS_ARENA_FREE_NIL */
    b->block_size_idx = size_idx;
    return b;
}

static void *js_arena_malloc(JSRuntime *rt, size_t size)
{
    size_t total_size = ((size + JS_ARENA_ALIGN - 1) & ~(size_t)(JS_ARENA_ALIGN - 1)) +
        sizeof(JSMallocBlockHeader);
    JSMallocBlockHeader *b;
    int size_idx;

    if (unlikely(size == 0))
        return arena_zero_block(rt)->user_data;
    if (unlikely(total_size > JS_ARENA_MAX_SMALL_SIZE || quickjs_single_blocks))
        return arena_malloc_large(rt, size);
    size_idx = arena_get_size_index(total_size);
    b = rt->arena_state.freed[size_idx];
    if (likely(b != NULL)) {
        rt->arena_state.freed[size_idx] = *(void **)b->user_data;
        return b->user_data;
    }
    b = carve_block(rt, size_idx);
    return b ? b->user_data : NULL;
}

static void js_arena_free(JSRuntime *rt, void *ptr)
{
    JSMallocBlockHeader *b;

    if (!ptr)
        return;
    b = container_of(ptr, JSMallocBlockHeader, user_data);
    if (likely(b->u.block_idx != JS_ARENA_FREE_NIL)) {
        *(void **)b->user_data = rt->arena_state.freed[b->block_size_idx];
        rt->arena_state.freed[b->block_size_idx] = b;
    } else if (b != arena_zero_block(rt)) {
        rt->mf.js_free(rt->malloc_state.opaque, b);
    }
}

#pragma GCC pop_options
