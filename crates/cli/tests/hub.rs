//! A model by its name, from a server on this machine that answers as the hub does.
#![cfg(all(feature = "hub", unix))]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{directory, hears};

const NAME: &str = "owner/story";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const FILES: [&str; 4] =
    ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

fn story() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fairytale-moe-4bit")
}

/// Serves the story model; the address, and how many requests came.
fn serve() -> (String, Arc<AtomicUsize>) {
    serve_weights(usize::MAX)
}

/// The same, where nothing comes of the weights after so many bytes.
fn serve_weights(most: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            seen.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || answer(stream, most));
        }
    });
    (address, count)
}

fn answer(mut stream: TcpStream, most: usize) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut range, mut token) = (String::new(), None, false);
    lines.read_line(&mut request).unwrap();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        token |= line.trim() == "authorization: bearer secret";
        if let Some(bytes) = line.trim().strip_prefix("range: bytes=") {
            let (from, to) = bytes.split_once('-').unwrap();
            range = Some((from.parse::<usize>().unwrap(), to.parse::<usize>().ok()));
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_string();
    let mut reply = |status: &str, more: &str, body: &[u8]| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n"
        );
        let sent = &body[..body.len().min(most)];
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
        while sent.len() < body.len() && stream.write(&[]).is_ok() {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    };
    let known = |file: &&&str| path == format!("/{NAME}/resolve/main/{file}");
    if !token {
        reply("401 Unauthorized", "", b"");
    } else if path == format!("/api/models/{NAME}/revision/main") {
        let siblings: Vec<String> =
            FILES.iter().map(|file| format!("{{\"rfilename\": \"{file}\"}}")).collect();
        let body = format!("{{\"siblings\": [{}], \"sha\": \"{COMMIT}\"}}", siblings.join(","));
        reply("200 OK", "content-type: application/json\r\n", body.as_bytes());
    } else if let Some(file) = FILES.iter().find(known) {
        let mut bytes = Vec::new();
        std::fs::File::open(story().join(file)).unwrap().read_to_end(&mut bytes).unwrap();
        let (from, to) = range.unwrap_or((0, None));
        let to = to.unwrap_or(bytes.len() - 1).min(bytes.len() - 1);
        let more = format!(
            "etag: \"{file}-1\"\r\nx-repo-commit: {COMMIT}\r\naccept-ranges: bytes\r\n\
             content-range: bytes {from}-{to}/{}\r\n",
            bytes.len()
        );
        reply("206 Partial Content", &more, &bytes[from..=to]);
    } else {
        reply("404 Not Found", "", b"");
    }
}

fn command(home: &Path, endpoint: &str, token: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tilewright"));
    command.args(args).current_dir(home).env("HF_HOME", home).env("HF_ENDPOINT", endpoint);
    command.env("HF_TOKEN", token).env_remove("HF_HUB_CACHE").env_remove("HF_HUB_OFFLINE");
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    command
}

fn tell(home: &Path, endpoint: &str, token: &str, name: &str) -> (i32, String, String) {
    let args = ["generate", "--model", name, "--prompt", "The wolf", "--max-tokens", "4"];
    run(&mut command(home, endpoint, token, &args))
}

fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_name_is_fetched_once_and_then_needs_no_network() {
    let (home, (address, count)) = (directory("hub-home"), serve());
    let (status, told, errors) = tell(&home, &address, "secret", NAME);
    assert_eq!((status, errors.as_str()), (0, ""), "{told}");
    assert!(!told.trim().is_empty());
    let asked = count.load(Ordering::SeqCst);
    assert!(asked >= FILES.len());
    assert!(home.join("hub/models--owner--story/refs/main").exists());
    let (status, again, _) = tell(&home, "http://127.0.0.1:1", "", NAME);
    assert_eq!((status, again), (0, told));
    assert_eq!(count.load(Ordering::SeqCst), asked);
    // Every command that takes a folder takes the name.
    let out = ["--out", "out.safetensors"];
    let logits = [&["logits", "--model", NAME, "--tokens", "1,2"], &out[..]].concat();
    for args in [&["inspect", NAME][..], &logits, &["validate", "--model", NAME, "--max-tokens=2"]]
    {
        let (status, _, errors) = run(&mut command(&home, "http://127.0.0.1:1", "", args));
        assert_eq!((status, errors.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_revision_may_follow_the_name() {
    let (home, (address, _)) = (directory("hub-revision"), serve());
    let (status, told, errors) = tell(&home, &address, "secret", "owner/story@main");
    assert_eq!((status, errors.as_str()), (0, ""), "{told}");
    let (status, _, errors) = tell(&home, &address, "secret", "owner/story@other");
    assert!(status == 1 && errors.contains("404"), "{errors}");
}

#[test]
fn an_interrupted_download_goes_on_where_it_stood() {
    let (home, (address, _)) = (directory("hub-interrupted"), serve_weights(1 << 20));
    let args = ["generate", "--model", NAME, "--prompt", "The wolf", "--max-tokens", "4"];
    let mut command = command(&home, &address, "secret", &args);
    let mut child = hears(command.stderr(Stdio::null()), libc::SIGINT).spawn().unwrap();
    let model = home.join("hub/models--owner--story");
    // What has come so far has a name of its own.
    let part = model.join("blobs/model.safetensors-1");
    let part = part.with_extension("part");
    let size = || std::fs::metadata(&part).map_or(0, |data| data.len());
    for _ in 0..600 {
        if size() > 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(size() > 0 && size() <= 1 << 20);
    assert!(!model.join("snapshots").join(COMMIT).join("model.safetensors").exists());
    // From a server that gives all of it.
    let (status, told, errors) = tell(&home, &serve().0, "secret", NAME);
    assert_eq!((status, errors.as_str()), (0, ""), "{told}");
    assert!(size() == 0 && !told.trim().is_empty());
}

#[test]
fn what_cannot_be_fetched_is_one_error() {
    let (home, (address, _)) = (directory("hub-wrong"), serve());
    let fails = |endpoint: &str, token: &str, name: &str, fault: &str| {
        let (status, told, errors) = tell(&home, endpoint, token, name);
        assert_eq!((status, told.as_str()), (1, ""), "{errors}");
        assert_eq!(errors.lines().count(), 2, "{errors}");
        assert!(errors.contains(fault) && !errors.contains("panicked"), "{errors}");
    };
    fails("http://127.0.0.1:1", "", NAME, "check the connection");
    fails(&address, "secret", "owner/absent", "check the name");
    fails(&address, "wrong", NAME, "HF_TOKEN");
    let args = ["inspect", "owner/offline"];
    let mut offline = command(&home, &address, "secret", &args);
    let (status, _, errors) = run(offline.env("HF_HUB_OFFLINE", "1"));
    assert!(status == 1 && errors.contains("unset HF_HUB_OFFLINE"), "{errors}");
    // Nothing that looks like a model is left.
    assert!(!home.join("hub").exists(), "{}", home.display());
}
