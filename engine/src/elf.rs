//! Makes an executable of the engine's file and an image: the program header that the linker made for the heap is
//! pointed at the image, so the kernel maps it in execve.

use crate::image::{slot_offset, BASE, SPARE};
use crate::sys::PAGE;
use alloc::vec::Vec;

const PT_LOAD: u32 = 1;

fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn put(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
}

/// Where the program header of the segment at BASE is.
fn heap_header(engine: &[u8]) -> Option<usize> {
    let table = u64::from_le_bytes(word(engine, 32)?) as usize;
    let size = u16::from_le_bytes(word(engine, 54)?) as usize;
    let count = u16::from_le_bytes(word(engine, 56)?) as usize;
    (0..count).map(|i| table + i * size).find(|&at| {
        word(engine, at).map(u32::from_le_bytes) == Some(PT_LOAD)
            && word(engine, at + 16).map(u64::from_le_bytes) == Some(BASE as u64)
    })
}

/// FNV-1a over 64-bit words: tells an image from another, nothing more.
fn hash(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| {
        (hash ^ word)
            .wrapping_mul(0x0000_0100_0000_01b3)
            .rotate_left(23)
    })
}

/// The executable's bytes. `image` is whole pages and begins with its header, whose first word becomes the hash.
/// Says what is wrong with the engine's file otherwise.
pub fn executable(
    mut engine: Vec<u8>,
    image: &mut [u8],
    trailer: &[u8],
) -> Result<Vec<u8>, &'static str> {
    let header = heap_header(&engine).ok_or("it has no segment for the heap")?;
    let slot = slot_offset(&engine).ok_or("it has no slot for the hash")?;

    let offset = engine.len().next_multiple_of(PAGE);
    engine.resize(offset, 0);
    put(&mut engine, header + 8, offset);
    put(&mut engine, header + 32, image.len());
    put(&mut engine, header + 40, image.len() + SPARE);
    put(&mut engine, header + 48, PAGE);

    let hash = (hash(&engine) ^ hash(image).rotate_left(32)).max(1);
    put(&mut engine, slot, hash as usize);
    put(image, 0, hash as usize);

    engine.extend_from_slice(image);
    engine.extend_from_slice(trailer);
    Ok(engine)
}
