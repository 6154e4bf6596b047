//! `SHOW=ir,passes,source,schedule,time`: prints stations of every compilation and launch to stderr.
//!
//! This crate is the lowest that may read the environment.

use std::sync::OnceLock;

/// Which stations are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// The program as recorded.
    pub ir: bool,
    /// The program after each pass.
    pub passes: bool,
    /// What the target made of it: schedule, instructions, source.
    pub schedule: bool,
    /// Milliseconds of each compilation and launch.
    pub time: bool,
}

impl Show {
    /// What the environment variable `SHOW` asks for; read once.
    pub fn from_environment() -> Show {
        static SHOW: OnceLock<Show> = OnceLock::new();
        *SHOW.get_or_init(|| {
            let (show, unknown) = Show::parse(&std::env::var("SHOW").unwrap_or_default());
            if !unknown.is_empty() {
                eprintln!(
                    "SHOW: no station `{}`; there are ir, passes, source, schedule, time, all",
                    unknown.join("`, `")
                );
            }
            show
        })
    }

    /// Parses a list of stations, in any case, separated by commas or spaces; also returns the names that are none.
    pub fn parse(text: &str) -> (Show, Vec<String>) {
        let (mut show, mut unknown) = (Show::default(), Vec::new());
        for word in text.split([',', ' ', ';', '+']).filter(|w| !w.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "ir" => show.ir = true,
                "passes" => show.passes = true,
                "source" | "schedule" => show.schedule = true,
                "time" => show.time = true,
                "all" | "1" => show = Show { ir: true, passes: true, schedule: true, time: true },
                "0" | "none" => show = Show::default(),
                _ => unknown.push(word.to_string()),
            }
        }
        (show, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_leniently() {
        let (show, unknown) = Show::parse(" IR, time,, source ,tine");
        assert_eq!(show, Show { ir: true, passes: false, schedule: true, time: true });
        assert_eq!(unknown, ["tine"]);
        assert_eq!(Show::parse("").0, Show::default());
    }
}
