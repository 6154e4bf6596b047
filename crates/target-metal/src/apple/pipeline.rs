//! Compiling MSL: libraries at run time, pipelines by way of a binary archive on disk.

use super::gpu::{Gpu, missing};
use objc2::rc::{Retained, autoreleasepool};
use objc2::runtime::ProtocolObject;
use objc2_foundation::{NSArray, NSError, NSString, NSURL};
use objc2_metal::{
    MTLBinaryArchive, MTLBinaryArchiveDescriptor, MTLCompileOptions, MTLComputePipelineDescriptor,
    MTLComputePipelineState, MTLDevice, MTLLanguageVersion, MTLLibrary, MTLPipelineOption,
};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tilewright_target::TargetError;

pub type Pipeline = Retained<ProtocolObject<dyn MTLComputePipelineState>>;

/// Machine code of pipelines, kept from one process to the next. It is a cache: whatever is wrong with it, pipelines are
/// compiled anew.
pub struct Archive {
    file: PathBuf,
    held: Mutex<Option<Retained<ProtocolObject<dyn MTLBinaryArchive>>>>,
}

impl Archive {
    /// The archive in `folder`, or an empty one.
    pub fn open(device: &ProtocolObject<dyn MTLDevice>, folder: &Path) -> Archive {
        // One a version of the system, which is what compiles.
        let file = folder.join("pipelines.metalarchive");
        let descriptor = MTLBinaryArchiveDescriptor::new();
        if file.exists() {
            descriptor.setUrl(url(&file).as_deref());
        }
        let held = device.newBinaryArchiveWithDescriptor_error(&descriptor).ok().or_else(|| {
            // Damaged, or of another system: it is replaced.
            let empty = MTLBinaryArchiveDescriptor::new();
            device.newBinaryArchiveWithDescriptor_error(&empty).ok()
        });
        Archive { file, held: Mutex::new(held) }
    }

    /// Adds a pipeline and writes the archive, whole or not at all.
    fn keep(&self, descriptor: &MTLComputePipelineDescriptor) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(archive) = held.as_ref() else { return };
        let draft = self.file.with_extension(format!("{}", std::process::id()));
        let Some(to) = url(&draft) else { return };
        let written = std::fs::create_dir_all(self.file.parent().unwrap_or(Path::new("."))).is_ok()
            && archive.addComputePipelineFunctionsWithDescriptor_error(descriptor).is_ok()
            && archive.serializeToURL_error(&to).is_ok()
            && std::fs::rename(&draft, &self.file).is_ok();
        if !written {
            // Nothing is lost but time.
            let _ = std::fs::remove_file(&draft);
        }
    }
}

fn url(path: &Path) -> Option<Retained<NSURL>> {
    Some(NSURL::fileURLWithPath(&NSString::from_str(path.to_str()?)))
}

/// Compiles the kernel `name` of a text for groups of `threads`.
///
/// # Errors
/// What the compiler says, each line of it with the line of the text that it means.
pub fn compile(gpu: &Gpu, text: &str, name: &str, threads: usize) -> Result<Pipeline, TargetError> {
    autoreleasepool(|_| {
        let options = MTLCompileOptions::new();
        // NaN and infinities must keep their meaning. The newer `mathMode` is unknown to systems that this still runs on.
        #[allow(deprecated)]
        options.setFastMathEnabled(false);
        options.setLanguageVersion(MTLLanguageVersion::Version3_1);
        let source = NSString::from_str(text);
        let library = gpu
            .device
            .newLibraryWithSource_options_error(&source, Some(&options))
            .map_err(|e| missing(&format!("{name} does not compile:\n{}", explain(&e, text))))?;
        let function = library
            .newFunctionWithName(&NSString::from_str(name))
            .ok_or_else(|| missing(&format!("the text has no kernel {name}")))?;
        let descriptor = MTLComputePipelineDescriptor::new();
        descriptor.setComputeFunction(Some(&function));
        let archived = {
            let held = gpu.archive.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.as_ref().map(|archive| NSArray::from_slice(&[&**archive]))
        };
        descriptor.setBinaryArchives(archived.as_deref());
        let make = |option| {
            gpu.device.newComputePipelineStateWithDescriptor_options_reflection_error(
                &descriptor,
                option,
                None,
            )
        };
        let pipeline = match make(MTLPipelineOption::FailOnBinaryArchiveMiss) {
            Ok(pipeline) => pipeline,
            Err(_) => {
                let made = make(MTLPipelineOption::empty());
                let pipeline =
                    made.map_err(|e| missing(&format!("{name}: {}", explain(&e, text))))?;
                gpu.archive.keep(&descriptor);
                pipeline
            }
        };
        let most = pipeline.maxTotalThreadsPerThreadgroup();
        if threads > most {
            // Too many registers a thread.
            let what =
                format!("{name} needs groups of {threads} threads, this GPU runs {most} of it");
            return Err(missing(&what));
        }
        Ok(pipeline)
    })
}

/// An error's text; after each `program_source:LINE:` the line of the source.
fn explain(error: &NSError, text: &str) -> String {
    let mut out = String::new();
    for told in error.localizedDescription().to_string().lines() {
        out.push_str(told);
        out.push('\n');
        let line = told.strip_prefix("program_source:").and_then(|rest| rest.split(':').next());
        if let Some(line) = line.and_then(|n| n.parse::<usize>().ok())
            && let Some(source) = text.lines().nth(line.saturating_sub(1))
        {
            out.push_str(&format!("    {}\n", source.trim()));
        }
    }
    out.trim_end().to_string()
}
