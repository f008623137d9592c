;; A plugin that keeps the contract and analyses nothing: a core module, with the names and the memory layouts that the
;; canonical ABI gives wit/v1. `empty.rs` makes a component of it.
(module
  (memory (export "memory") 8)
  (global $free (mut i32) (i32.const 4096))

  ;; At 0: the answer of `open` and of `analyze`. All zero: `ok`; of `analyze` also outcome `ok`, no fields, no notices.
  ;; At 128: the descriptor: name, version, summary, lane (0: memory), outputs, parameters.
  (data (i32.const 128)
    "\00\01\00\00\05\00\00\00" "\08\01\00\00\05\00\00\00" "\10\01\00\00\07\00\00\00"
    "\00\00\00\00" "\00\00\00\00\00\00\00\00" "\18\01\00\00\02\00\00\00")
  (data (i32.const 256) "empty")
  (data (i32.const 264) "0.0.1")
  (data (i32.const 272) "nothing")
  (data (i32.const 280) "{}")

  ;; Memory for what the host hands over; given back as a whole once the call has returned.
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "leadline:plugin/analysis@1.0.0#describe") (result i32) (i32.const 128))
  (func (export "leadline:plugin/analysis@1.0.0#open")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 f64 f64 f64 i32 i32 i32 i32) (result i32)
    (i32.const 0))
  (func (export "leadline:plugin/analysis@1.0.0#analyze") (param i32) (result i32) (i32.const 0))

  (func (export "cabi_post_leadline:plugin/analysis@1.0.0#open") (param i32) (global.set $free (i32.const 4096)))
  (func (export "cabi_post_leadline:plugin/analysis@1.0.0#analyze") (param i32) (global.set $free (i32.const 4096)))
)
