//! The one unsafe call of the host: running machine code that an earlier run of this program compiled.

use wasmtime::component::Component;

/// A component of the bytes that [`Component::serialize`] gave.
///
/// wasmtime takes such bytes on trust: whoever can choose them runs code in this process. So this is called by [`cache`](super::cache) alone, with bytes
/// that were read once, into this process's own memory, and whose keyed digest fits a key that only this user can read.
#[expect(unsafe_code, reason = "wasmtime can't check machine code; the cache has checked where it comes from")]
pub(super) fn deserialize(engine: &wasmtime::Engine, serialized: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come from `Component::serialize` of the same version and settings of wasmtime: an HMAC under this user's private key
    // covers them together with the component's digest and the engine's compatibility hash, and it was checked over these very bytes in memory.
    unsafe { Component::deserialize(engine, serialized) }
}
