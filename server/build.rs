//! Rebuilds the server when what its macros read has changed: `sqlx::migrate!` embeds the
//! migrations, `sqlx::query!` checks statements by `.sqlx`.

fn main() {
    println!("cargo::rerun-if-changed=../.sqlx");
    println!("cargo::rerun-if-changed=../migrations");
}
