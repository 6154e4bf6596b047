//! Work of a library as a part of a graph: what it starts on a stream of its own is kept instead of run.

use crate::driver::{Context, failed};
use cudarc::driver::sys;
use std::ptr::null_mut;
use std::sync::Arc;
use tilewright_target::TargetError;

/// What was started, in the driver's terms.
pub(crate) struct Capture {
    context: Arc<Context>,
    pub graph: sys::CUgraph,
}

// SAFETY: the driver's handle may be used from any thread, and is only read.
unsafe impl Send for Capture {}

impl Capture {
    /// Keeps what `start` starts on the stream that it is given; `None` when it starts nothing.
    pub fn of(
        context: &Arc<Context>,
        start: impl FnOnce(sys::CUstream) -> Result<bool, TargetError>,
    ) -> Result<Option<Capture>, TargetError> {
        use sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        context.enter()?;
        let refused = failed("a product cannot be recorded");
        let mut stream = null_mut();
        let kind = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        let mut graph = null_mut();
        // SAFETY: handles are written before they are read; the stream is destroyed once, after its capture has ended.
        unsafe {
            sys::cuStreamCreate(&mut stream, kind).result().map_err(&refused)?;
            // Relaxed: the library may load a kernel meanwhile, and other threads go on.
            let begun = sys::cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED);
            let started = match begun.result() {
                Ok(()) => {
                    let started = start(stream);
                    let ended = sys::cuStreamEndCapture(stream, &mut graph).result();
                    started.and_then(|started| ended.map(|()| started).map_err(&refused))
                }
                Err(error) => Err(refused(error)),
            };
            let capture = Capture { context: context.clone(), graph };
            let _ = sys::cuStreamDestroy_v2(stream);
            Ok(started?.then_some(capture))
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if !self.graph.is_null() && self.context.enter().is_ok() {
            // SAFETY: it is this one's own, destroyed once; graphs have copies.
            let _ = unsafe { sys::cuGraphDestroy(self.graph) };
        }
    }
}
