/* What most allocations come to: a block of that size was freed before. */

#pragma GCC push_options
#pragma GCC optimize("O2", "omit-frame-pointer") /* as hot.txt */

static inline void *take_block(JSRuntime *rt, size_t size)
{
    size_t total_size = ((size + JS_ARENA_ALIGN - 1) & ~(size_t)(JS_ARENA_ALIGN - 1)) +
        sizeof(JSMallocBlockHeader);
    JSMallocBlockHeader *b;
    int size_idx;

    /* 128: up to there the sizes are eight apart */
    if (unlikely(total_size - 16 > 128 - 16))
        return NULL;
    size_idx = total_size / 8 - 2;
    b = rt->arena_state.freed[size_idx];
    if (unlikely(!b))
        return NULL;
    rt->arena_state.freed[size_idx] = *(void **)b->user_data;
    rt->malloc_state.malloc_count++;
    rt->malloc_state.malloc_size += total_size - sizeof(JSMallocBlockHeader) + MALLOC_OVERHEAD;
    return b->user_data;
}

static inline bool give_block(JSRuntime *rt, void *ptr)
{
    JSMallocBlockHeader *b = container_of(ptr, JSMallocBlockHeader, user_data);

    if (unlikely(b->u.block_idx == JS_ARENA_FREE_NIL))
        return false;
    *(void **)b->user_data = rt->arena_state.freed[b->block_size_idx];
    rt->arena_state.freed[b->block_size_idx] = b;
    rt->malloc_state.malloc_count--;
    rt->malloc_state.malloc_size -= arena_block_sizes[b->block_size_idx] - sizeof(JSMallocBlockHeader) + MALLOC_OVERHEAD;
    return true;
}

#pragma GCC pop_options
