//! Chat templates that ask for too much: an error each, and no more memory or time than they may have.

use std::path::Path;
use std::time::Instant;
use tilewright_text::{ChatTemplate, Counting, Message};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn render(source: &str) -> Result<String, String> {
    let template = ChatTemplate::new(Path::new("chat.jinja"), source, [None, None]);
    let template = template.map_err(|e| e.to_string())?;
    template.render(&[Message::new("user", "Hi")]).map_err(|e| e.to_string())
}

/// A loop of `count` turns round `body`, with a variable `ns.x` that begins as `first`.
fn turns(count: usize, first: &str, body: &str) -> String {
    format!(
        "{{% set ns = namespace(x={first}, y={first}) %}}{{% for i in range({count}) %}}{body}{{% endfor %}}"
    )
}

#[cfg(target_os = "linux")]
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

#[test]
fn what_grows_without_end_is_stopped() {
    let x = "'aaaaaaaa'";
    for source in [
        turns(60, x, "{% set ns.x = ns.x + ns.x %}"),
        turns(60, x, "{% set ns.x = ns.x ~ ns.x %}"),
        turns(60, x, "{% set ns.x = [ns.x, ns.x] | join %}"),
        turns(60, x, "{% set ns.x = ns.x | replace('a', ns.x) %}"),
        turns(60, x, "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}"),
        turns(60, "[1, 2, 3]", "{% set ns.x = (ns.x + ns.x) | list %}"),
        "{{ '%100000000000s' | format('a') }}".into(),
        "{{ 'a\nb' | indent(100000000000) }}".into(),
        "{% set x = 'a' * 3000000 %}{{ x | replace('a', x) | length }}".into(),
    ] {
        let begin = Instant::now();
        let error = render(&source).unwrap_err();
        assert!(error.contains("asks for more memory"), "{source}: {error}");
        assert!(begin.elapsed().as_secs() < 15, "{source}");
    }
    // Threads that were stopped stay with what they hold, the bound at most: nine of them here.
    #[cfg(target_os = "linux")]
    assert!(most_memory() < 9 * (64 << 20) + (200 << 20), "{}", most_memory());
}

#[test]
fn what_is_nested_as_deeply_as_steps_allow_does_no_harm() {
    let nest = turns(100_000, "[]", "{% set ns.x = [ns.x] %}");
    assert_eq!(render(&format!("{nest}done")), Ok("done".into()));
    for deep in [
        format!("{nest}{{{{ ns.x }}}}"),
        format!("{nest}{{{{ ns.x | tojson | length }}}}"),
        format!("{nest}{{{{ ns.x | string | length }}}}"),
        turns(90_000, "[]", "{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}")
            + "{{ ns.x == ns.y }}",
    ] {
        // An answer or an error: the process lives.
        let _ = render(&deep);
    }
    for deep in ["-", "not ", "(", "[", "{% if 1 %}"] {
        let count = (256 << 10) / deep.len() - 10;
        let source = match deep.starts_with('{') {
            true => deep.repeat(count),
            false => format!("{{{{ {}1 }}}}", deep.repeat(count)),
        };
        let _ = render(&source);
    }
    let error = render(&"a".repeat(300 << 10)).unwrap_err();
    assert!(error.contains("307200 bytes long"), "{error}");
}

#[test]
fn a_usual_template_renders_again_and_again() {
    for _ in 0..200 {
        let said = render("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}");
        assert_eq!(said, Ok("<user>Hi".into()));
    }
}
