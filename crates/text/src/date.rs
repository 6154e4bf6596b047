//! Dates for chat templates: what `strftime_now` gives.

/// `pattern` with the parts of a moment, given in seconds since 1970, for its `%` letters, as C's strftime has them in
/// English. Letters that no date has stay as they are.
pub(crate) fn strftime(pattern: &str, seconds: u64) -> String {
    let [year, month, day] = civil(seconds / 86_400);
    let since_midnight = seconds % 86_400;
    let (hour, minute, second) =
        (since_midnight / 3600, since_midnight / 60 % 60, since_midnight % 60);
    let weekday = WEEKDAYS[((seconds / 86_400 + 4) % 7) as usize];
    let month_name = MONTHS[(month - 1) as usize];
    let twelve = (hour + 11) % 12 + 1;
    let mut text = String::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let mut letter = rest.next();
        // %-d: without the leading zero.
        let bare = letter == Some('-');
        if bare {
            letter = rest.next();
        }
        let two = |value: u64| if bare { value.to_string() } else { format!("{value:02}") };
        text += &match letter {
            Some('Y') => year.to_string(),
            Some('y') => two(year % 100),
            Some('m') => two(month),
            Some('d') => two(day),
            Some('e') => format!("{day:2}"),
            Some('H') => two(hour),
            Some('I') => two(twelve),
            Some('M') => two(minute),
            Some('S') => two(second),
            Some('p') => if hour < 12 { "AM" } else { "PM" }.into(),
            Some('B') => month_name.into(),
            Some('b' | 'h') => month_name[..3].into(),
            Some('A') => weekday.into(),
            Some('a') => weekday[..3].into(),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('%') => "%".into(),
            Some(other) => format!("%{other}"),
            None => "%".into(),
        };
    }
    text
}

const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Year, month and day of the day with that number since 1970.
fn civil(mut day: u64) -> [u64; 3] {
    let leap = |year: u64| year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 });
    // The calendar repeats after 400 years.
    let mut year = 1970 + day / 146_097 * 400;
    day %= 146_097;
    loop {
        let days = 365 + leap(year) as u64;
        if day < days {
            break;
        }
        (day, year) = (day - days, year + 1);
    }
    let lengths = [31, 28 + leap(year) as u64, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    [year, month as u64 + 1, day + 1]
}

#[cfg(test)]
mod tests {
    use super::strftime;

    #[test]
    fn parts_of_dates() {
        for (seconds, pattern, expected) in [
            (0, "%A, %d %B %Y %H:%M:%S", "Thursday, 01 January 1970 00:00:00"),
            (951_782_400, "%F %a %-d %b", "2000-02-29 Tue 29 Feb"),
            (1_722_000_645, "%d %b %Y, %I:%M %p", "26 Jul 2024, 01:30 PM"),
            (4_107_542_400, "%Y-%m-%d %y 100 %% %q %", "2100-03-01 00 100 % %q %"),
            (1_704_067_199, "%-m/%-d/%y %T %e", "12/31/23 23:59:59 31"),
        ] {
            assert_eq!(strftime(pattern, seconds), expected);
        }
    }
}
