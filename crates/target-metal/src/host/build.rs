//! Building MSL with a C++ compiler, unchanged, and running it: one process a launch, so that whatever a kernel does, it
//! does to itself.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tilewright_target::TargetError;

const HEADER: &str = include_str!("../../host/metal_stdlib");
const THREADS: &str = include_str!("../../host/threads.cc");
const THREADS_HEADER: &str = include_str!("../../host/threads.h");

/// What the text is built with. The compiler calls out before every access to memory, and `threads.cc` answers.
const FLAGS: &[&str] = &[
    "-std=c++17",
    "-O1",
    "-w",
    "-fsigned-char",
    "-ffp-contract=off",
    "-fno-threadsafe-statics",
    "-fsanitize=thread",
    "-fsanitize=bounds,alignment,float-cast-overflow,integer-divide-by-zero",
];

/// In MSL a number with a point is a float. Clang has no flag for it, so that there a number without an `f` is a double.
const SINGLE: &str = "-fsingle-precision-constant";

/// Compilers that know those flags, the first that answers is taken.
const COMPILERS: [&str; 3] = ["g++", "clang++", "c++"];

/// Kernels that are kept; when there are more, all are built anew.
const MOST_FILES: usize = 10_000;

/// A C++ compiler and the folder where it works.
pub struct Compiler {
    command: &'static str,
    /// As the compiler says it.
    pub version: String,
    folder: PathBuf,
    threads: PathBuf,
}

/// A parameter of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `device T*` or `constant T*`: the next buffer.
    Pointer,
    /// `constant T&`: the next buffer.
    Reference,
    /// Where the thread is, by the attribute's name; three numbers or one.
    Place(&'static str, bool),
}

/// A buffer of a launch.
#[derive(Clone, Debug)]
pub struct Bytes {
    /// Its name in faults.
    pub name: String,
    /// The kernel may write it, and it comes back.
    pub written: bool,
    /// Threads note faults in it, without order.
    pub faults: bool,
    /// Bytes of an element.
    pub element: usize,
    /// How far its first byte lies past a multiple of 64.
    pub shift: usize,
    /// Where the kernel's pointer points, in bytes from the first: elsewhere where strides lead backwards.
    pub origin: usize,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Compiler {
    /// Finds a compiler, and puts what all kernels need into `folder`.
    ///
    /// # Errors
    /// When there is no C++ compiler, or the folder cannot be written.
    pub fn find(folder: &Path) -> Result<Compiler, TargetError> {
        let found = COMPILERS.iter().find_map(|command| {
            let answer = Command::new(command).arg("--version").output().ok()?;
            let text = String::from_utf8_lossy(&answer.stdout).into_owned();
            answer
                .status
                .success()
                .then(|| (*command, text.lines().next().unwrap_or("").to_string()))
        });
        let Some((command, version)) = found else {
            let tried = COMPILERS.join(", ");
            let text =
                format!("MSL on the host: no C++ compiler answers (tried {tried}); install g++");
            return Err(TargetError::Device(text));
        };
        let folder = folder.join(key(&[
            HEADER,
            THREADS,
            THREADS_HEADER,
            &version,
            &FLAGS.join(" "),
            SINGLE,
        ]));
        if std::fs::read_dir(&folder).is_ok_and(|files| files.count() > MOST_FILES) {
            // Another process may be running one of them; it keeps what it has open.
            let _ = std::fs::remove_dir_all(&folder);
        }
        std::fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, e))?;
        let compiler = Compiler { command, version, threads: folder.join("threads.o"), folder };
        let whole = |name: &str, text: &str| {
            std::fs::read(compiler.folder.join(name)).is_ok_and(|kept| kept == text.as_bytes())
        };
        let kept = whole("metal_stdlib", HEADER) && whole("threads.h", THREADS_HEADER);
        if !kept || !compiler.threads.exists() {
            compiler.write("metal_stdlib", HEADER)?;
            compiler.write("threads.h", THREADS_HEADER)?;
            let source = compiler.write("threads.cc", THREADS)?;
            let flags = ["-std=c++17", "-O2", "-w", "-U_FORTIFY_SOURCE", "-c"].map(String::from);
            compiler.run(flags.into(), &source, &compiler.threads)?;
        }
        Ok(compiler)
    }

    /// Builds a kernel; what was built before is found again.
    ///
    /// # Errors
    /// What the compiler says, when the text is not what it takes for MSL.
    pub fn build(
        &self,
        text: &str,
        kernel: &str,
        parameters: &[Parameter],
    ) -> Result<PathBuf, TargetError> {
        let glue = glue(kernel, parameters);
        let key = key(&[text, &glue]);
        let program = self.folder.join(&key);
        if program.exists() {
            return Ok(program);
        }
        let metal = self.write(&format!("{key}.metal"), text)?;
        let include = format!("#include \"{key}.metal\"\n{glue}");
        let source = self.write(&format!("{key}.cc"), &include)?;
        let single = (!self.version.contains("clang")).then_some(&SINGLE);
        let flags = FLAGS.iter().chain(single).map(|f| f.to_string());
        let flags = flags.chain([format!("-I{}", self.folder.display())]);
        // Sanitizers instrument; their runtimes stay out, since threads.cc stands in for them.
        let object = self.folder.join(format!("{key}.o"));
        self.run(flags.chain(["-c".into()]).collect(), &source, &object)?;
        let link = vec![self.threads.display().to_string(), "-s".into(), "-lm".into()];
        self.run(link, &object, &program)?;
        for leftover in [&metal, &source, &object] {
            // A file that stays costs room, nothing else.
            let _ = std::fs::remove_file(leftover);
        }
        Ok(program)
    }

    /// Writes a file under a name of this process's own first, so that nobody reads half of it.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, TargetError> {
        let path = self.folder.join(name);
        let draft = draft(&path);
        std::fs::write(&draft, text)
            .and_then(|()| std::fs::rename(&draft, &path))
            .map_err(|e| unwritable(&path, e))?;
        Ok(path)
    }

    fn run(&self, flags: Vec<String>, from: &Path, to: &Path) -> Result<(), TargetError> {
        let draft = draft(to);
        let (mut before, mut after) = (flags, Vec::new());
        if !before.iter().any(|f| f == "-c") {
            std::mem::swap(&mut before, &mut after);
        }
        let answer = Command::new(self.command)
            .args(before)
            .arg(from)
            .args(after)
            .arg("-o")
            .arg(&draft)
            .output()
            .map_err(|e| TargetError::Device(format!("{} does not start: {e}", self.command)))?;
        if !answer.status.success() {
            let text = String::from_utf8_lossy(&answer.stderr);
            let errors: Vec<&str> = text.lines().filter(|l| l.contains("error")).take(5).collect();
            let errors = if errors.is_empty() { text.into_owned() } else { errors.join("\n") };
            let text = format!("{} does not take the MSL:\n{errors}", self.command);
            return Err(TargetError::Device(text));
        }
        std::fs::rename(&draft, to).map_err(|e| unwritable(to, e))
    }
}

/// Runs a built kernel over `grid` threads, in groups of `group`; gives the written buffers back, in order. The smallest
/// element of its threadgroup memory has `shared_element` bytes.
///
/// # Errors
/// What the kernel did that no GPU allows, in words.
pub fn launch(
    program: &Path,
    grid: [u32; 3],
    group: [u32; 3],
    shared_element: usize,
    buffers: &[Bytes],
) -> Result<Vec<Vec<u8>>, TargetError> {
    let mut input = Vec::new();
    let word = |input: &mut Vec<u8>, n: u32| input.extend_from_slice(&n.to_le_bytes());
    grid.iter().chain(&group).for_each(|n| word(&mut input, *n));
    word(&mut input, shared_element as u32);
    word(&mut input, buffers.len() as u32);
    for buffer in buffers {
        let size = u32::try_from(buffer.bytes.len()).map_err(|_| {
            TargetError::Device(format!("`{}` is too large for the host", buffer.name))
        })?;
        word(&mut input, buffer.name.len() as u32);
        input.extend_from_slice(buffer.name.as_bytes());
        word(&mut input, u32::from(buffer.written) | u32::from(buffer.faults) << 1);
        word(&mut input, buffer.element as u32);
        word(&mut input, buffer.shift as u32);
        word(&mut input, buffer.origin as u32);
        word(&mut input, size);
        input.extend_from_slice(&buffer.bytes);
    }
    let failed = |e: std::io::Error| TargetError::Device(format!("{}: {e}", program.display()));
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| {
            // A damaged file would stay in the way of every later launch.
            let told = match std::fs::remove_file(program) {
                Ok(()) => "; it was damaged and is removed: run again",
                Err(_) => "",
            };
            TargetError::Device(format!("{}: {e}{told}", program.display()))
        })?;
    // It reads all of the launch before it writes. One that ends early is told of by its status.
    let sent = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&input));
    let answer = child.wait_with_output().map_err(failed)?;
    if !answer.status.success() || answer.stdout.is_empty() {
        let text = String::from_utf8_lossy(&answer.stderr);
        return Err(TargetError::Device(format!(
            "the kernel ended with {}: {text}",
            answer.status
        )));
    }
    sent.map_err(failed)?;
    let (status, mut rest) = (answer.stdout[0], &answer.stdout[1..]);
    if status != 0 {
        return Err(TargetError::Device(String::from_utf8_lossy(rest).into_owned()));
    }
    let mut written = Vec::new();
    for buffer in buffers.iter().filter(|b| b.written) {
        let Some((bytes, after)) = rest.split_at_checked(buffer.bytes.len()) else {
            return Err(TargetError::Device("the kernel's results are cut short".into()));
        };
        written.push(bytes.to_vec());
        rest = after;
    }
    Ok(written)
}

/// The function that calls the kernel for one thread.
fn glue(kernel: &str, parameters: &[Parameter]) -> String {
    let mut list = Vec::new();
    let mut buffers = 0..;
    for parameter in parameters {
        list.push(match parameter {
            Parameter::Pointer => format!("TwPointer{{buffers[{}]}}", buffers.next().unwrap_or(0)),
            Parameter::Reference => {
                format!("TwReference{{buffers[{}]}}", buffers.next().unwrap_or(0))
            }
            Parameter::Place(name, false) => format!("place.{name}"),
            Parameter::Place(name, true) => {
                format!("metal::uint3(place.{name}[0], place.{name}[1], place.{name}[2])")
            }
        });
    }
    let mut out = String::new();
    let _ = writeln!(
        out,
        "#include \"threads.h\"\n\
         extern \"C\" char __start_tw_threadgroup[] __attribute__((weak, visibility(\"hidden\")));\n\
         extern \"C\" char __stop_tw_threadgroup[] __attribute__((weak, visibility(\"hidden\")));\n\
         char* const tw_host_shared_begin = __start_tw_threadgroup;\n\
         char* const tw_host_shared_end = __stop_tw_threadgroup;\n\
         __attribute__((no_sanitize_thread)) void tw_host_enter(const TwPlace& place, void* const* buffers) {{\n\
         \x20   {kernel}({});\n}}",
        list.join(", ")
    );
    out
}

/// A name for these texts.
fn key(texts: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A name next to `path` that no other thread or process writes to.
fn draft(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{:?}", std::process::id(), std::thread::current().id()));
    path.with_file_name(name)
}

fn unwritable(path: &Path, error: std::io::Error) -> TargetError {
    TargetError::Device(format!("{} cannot be written: {error}", path.display()))
}
