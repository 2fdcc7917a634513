//! Taking over what the original service left: packages where it put them, indexed and signed by its metadata tool,
//! mkrepo. Real mkrepo makes the repositories; real clients judge what becomes of them.
#![expect(clippy::unwrap_used, reason = "test code")]

mod support;

mod adoption {
    mod changes;
    mod clients;
    mod createrepo;
    mod going_back;
    #[path = "../contract/index.rs"]
    mod index;
    mod reads;
    mod ruins;
    mod stage;
}
