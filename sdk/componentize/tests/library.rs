//! What becomes a component, and what is refused.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{WITH_LOG, module};
use leadline_componentize::{Error, Imports, componentize, imports};

#[test]
fn a_module_that_imports_the_log_alone_becomes_a_component() {
    let core = module(&[("leadline:plugin/log@1.0.0", "write")], Some(WITH_LOG));
    let component = componentize(&core).unwrap();
    let expected = Imports { functions: vec!["leadline:plugin/log.write".to_owned()], interfaces: vec!["leadline:plugin/log".to_owned()] };
    assert_eq!(imports(&component).unwrap(), expected);
}

#[test]
fn the_same_module_gives_the_same_bytes() {
    let core = module(&[("leadline:plugin/log@1.0.0", "write")], Some(WITH_LOG));
    assert_eq!(componentize(&core).unwrap(), componentize(&core).unwrap());
}

#[test]
fn a_module_that_imports_another_interface_is_refused_by_its_name() {
    let wit = "package leadline:plugin@1.0.0;
        interface analysis { run: func(); }
        world w { import other:thing/clock@0.2.0; export analysis; }
        package other:thing@0.2.0 { interface clock { now: func(); } }";
    let error = componentize(&module(&[("other:thing/clock@0.2.0", "now")], Some(wit))).unwrap_err();
    assert!(matches!(&error, Error::ForbiddenImports { imports } if imports.contains("other:thing/clock.now")), "{error}");
}

#[test]
fn another_function_of_the_log_is_refused() {
    let wit = "package leadline:plugin@1.0.0;
        interface log { read: func(); }
        interface analysis { run: func(); }
        world w { import log; export analysis; }";
    let error = componentize(&module(&[("leadline:plugin/log@1.0.0", "read")], Some(wit))).unwrap_err();
    assert!(matches!(&error, Error::ForbiddenImports { imports } if imports == "leadline:plugin/log.read"), "{error}");
}

#[test]
fn a_module_that_imports_what_its_contract_does_not_name_is_refused() {
    for import in [("env", "abort"), ("wasi_snapshot_preview1", "fd_write")] {
        let error = componentize(&module(&[import], Some(WITH_LOG))).unwrap_err();
        assert!(matches!(error, Error::Encode(_)), "{error}");
        assert!(error.to_string().contains(import.0), "the message names what it imports: {error}");
    }
}

#[test]
fn a_module_that_offers_no_analysis_is_refused() {
    assert!(matches!(componentize(b"\0asm\x01\0\0\0").unwrap_err(), Error::NoAnalysis), "an empty module");
    assert!(componentize(&module(&[("env", "abort")], None)).is_err(), "a module without a contract");
}

#[test]
fn a_component_and_other_files_are_told_apart_from_a_module() {
    let component = componentize(&module(&[("leadline:plugin/log@1.0.0", "write")], Some(WITH_LOG))).unwrap();
    let error = componentize(&component).unwrap_err();
    assert!(matches!(error, Error::NotAModule { found: "a component already" }), "{error}");
    for other in [&b""[..], b"\0asm", b"#!/bin/sh", b"\x7fELF\x02\x01\x01\0"] {
        assert!(matches!(componentize(other).unwrap_err(), Error::NotAModule { .. }));
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused_without_a_panic() {
    let core = module(&[("leadline:plugin/log@1.0.0", "write")], Some(WITH_LOG));
    let component = componentize(&core).unwrap();
    for cut in 0..core.len() {
        assert!(componentize(&core[..cut]).is_err(), "cut after {cut} bytes");
    }
    for cut in 0..component.len() {
        // A cut between two sections can leave a whole component, with less in it.
        let _ = imports(&component[..cut]);
    }
}

#[test]
fn a_changed_byte_never_makes_it_panic() {
    let core = module(&[("leadline:plugin/log@1.0.0", "write")], Some(WITH_LOG));
    for place in 0..core.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut damaged = core.clone();
            damaged[place] ^= change;
            let _ = componentize(&damaged);
        }
    }
}

#[test]
fn a_module_or_nonsense_has_no_imports_of_a_component_to_read() {
    for bytes in [module(&[], None), b"nonsense".to_vec(), Vec::new()] {
        assert!(matches!(imports(&bytes).unwrap_err(), Error::NotAComponent(_)));
    }
}
