//! `stdlib/REFERENCE.md` is what the functions' documentation says. `SNAPSHOTS=overwrite` writes it anew.

use snapbox::{Data, assert_data_eq};

#[test]
fn the_reference_is_fresh() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/stdlib/REFERENCE.md");
    assert_data_eq!(f3s::script::reference::markdown(), Data::read_from(file.as_ref(), None).raw());
}
