//! What a project wants of the user's machine beyond its own folder, and what the user allows it: by a flag or a variable, in
//! settings of his own, or by an answer that is remembered for this project and this very request.

mod allowance;
mod memory;
mod settings;
mod want;
mod wish;

pub use allowance::Allowance;
pub use memory::Memory;
pub use settings::{FILE as SETTINGS_FILE, Login, logins, of_user as allowed_by_settings};
pub use want::{Want, files, of_family};
pub use wish::Wish;
