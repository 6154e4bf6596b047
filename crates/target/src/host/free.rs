//! Memory that the system can still give.

/// Bytes that this process can still use without something being killed for it: what the system calls available, swap
/// included, and what the process's control groups leave. `None` where the system does not say.
pub fn free_memory() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let system = of_system(&read("/proc/meminfo")?)?;
        let groups = read("/proc/self/cgroup").unwrap_or_default();
        Some(left_by_groups(&groups, read).map_or(system, |left| left.min(system)))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// The bytes of memory and swap that `/proc/meminfo` calls available.
#[cfg(any(test, target_os = "linux"))]
fn of_system(meminfo: &str) -> Option<u64> {
    let bytes = |name: &str| {
        let rest = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1 << 10)
    };
    Some(bytes("MemAvailable:")?.saturating_add(bytes("SwapFree:").unwrap_or(0)))
}

/// The least that a group of memory among `groups`, the text of `/proc/self/cgroup`, or one round it, leaves to this
/// process. Inside a container the path of the group may be one that only the host knows; then the folder's own files count.
#[cfg(any(test, target_os = "linux"))]
fn left_by_groups(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    const UNIFIED: [&str; 4] = ["/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "];
    const FIRST: [&str; 4] = [
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file ",
    ];
    let mut least = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let [root, limit, used, cached] = match controllers {
            "" => UNIFIED,
            _ if controllers.split(',').any(|controller| controller == "memory") => FIRST,
            _ => continue,
        };
        let inner = path.trim_end_matches('/');
        let starts = inner.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at);
        let outer = starts.map(|end| &inner[..end]);
        for path in outer.chain([inner]) {
            let file = |name: &str| read(&format!("{root}{path}/{name}"));
            let number = |name: &str| file(name)?.trim().parse::<u64>().ok();
            let (Some(limit), Some(used)) = (number(limit), number(used)) else { continue };
            // What files have left in memory goes when somebody needs it.
            let cached = file("memory.stat").and_then(|stat| {
                stat.lines().find_map(|line| line.strip_prefix(cached)?.trim().parse().ok())
            });
            let left = limit.saturating_sub(used.saturating_sub(cached.unwrap_or(0)));
            least = Some(least.map_or(left, |least: u64| least.min(left)));
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_is_available() {
        let text = "MemTotal:       24684084 kB\nMemFree:  15 kB\nMemAvailable:   2048 kB\nSwapFree:  1 kB\n";
        assert_eq!(of_system(text), Some(2049 << 10));
        assert_eq!(of_system("MemAvailable: 7 kB"), Some(7 << 10));
        assert_eq!(of_system("MemTotal: 7 kB"), None);
        #[cfg(target_os = "linux")]
        assert!(free_memory().is_some_and(|free| free > 0));
    }

    #[test]
    fn the_tightest_group_counts() {
        let files = |path: &str| {
            let text = match path {
                "/sys/fs/cgroup/a/memory.max" => "1000",
                "/sys/fs/cgroup/a/memory.current" => "600",
                "/sys/fs/cgroup/a/memory.stat" => "active_file 5\ninactive_file 100\n",
                "/sys/fs/cgroup/a/b/memory.max" => "max\n",
                "/sys/fs/cgroup/a/b/memory.current" => "600\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes" => "700",
                "/sys/fs/cgroup/memory/memory.usage_in_bytes" => "900",
                _ => return None,
            };
            Some(text.to_string())
        };
        assert_eq!(left_by_groups("0::/a/b\n", files), Some(500), "the limit of the outer group");
        assert_eq!(left_by_groups("0::/\n", files), None, "no limit");
        assert_eq!(left_by_groups("4:memory:/known/to/the/host\n1:cpu:/\n", files), Some(0));
        assert_eq!(left_by_groups("nonsense\n", files), None);
    }
}
