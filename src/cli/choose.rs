//! Which pairs a run takes up.

use clap::Args;

use super::complete;

/// Which of the manifest's pairs are created.
#[derive(Debug, Clone, Default, Args)]
pub struct ChooseArgs {
    /// Create only these pairs: an id, a pattern such as 'anna-*', tag:spring, or @FILE with one of
    /// them a line; several with commas, or the option again. The others stay planned
    #[arg(long, value_name = "WHICH", add = complete::ids(&[]))]
    pub only: Vec<String>,
    /// Create all but these pairs, named in the same way
    #[arg(long, value_name = "WHICH", add = complete::ids(&[]))]
    pub except: Vec<String>,
    /// Take up at most this many pairs, and so many more each time; the others stay planned
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}
