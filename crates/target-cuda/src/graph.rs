//! Recorded launches as a graph of the driver's: one call of the host starts them all.

use crate::capture::Capture;
use crate::device::Gpu;
use crate::driver::failed;
use crate::launch::CudaExecutable;
use crate::prepared::{Memory, Prepared};
use crate::specified::Taken;
use cudarc::driver::sys;
use std::collections::HashSet;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use tilewright_target::TargetError;
use tilewright_target::recording::{Change, Recording, Step};

/// Steps, and the graph of them. Steps that cannot be repeated as they are (host memory, layouts that need a copy, nothing
/// to run) are launched one by one, and the others with them.
pub(crate) struct Captured {
    gpu: Arc<Gpu>,
    steps: Vec<Step>,
    graph: Option<Graph>,
}

impl Captured {
    /// Records `steps`.
    pub fn new(gpu: Arc<Gpu>, steps: Vec<Step>) -> Result<Captured, TargetError> {
        gpu.context.enter()?;
        let graph = match steps.is_empty() {
            true => None,
            false => Graph::of(&steps)?,
        };
        Ok(Captured { gpu, steps, graph })
    }
}

impl Recording for Captured {
    fn change(&mut self, step: usize, change: &Change<'_>) -> Result<(), TargetError> {
        let Some(changed) = self.steps.get_mut(step) else { return Ok(()) };
        let same = change.bindings.is_none_or(|sizes| sizes.dims == changed.bindings().dims);
        changed.change(change);
        // A product takes no numbers.
        if same && self.graph.as_ref().is_some_and(|graph| graph.multiplies(step)) {
            return Ok(());
        }
        self.gpu.context.enter()?;
        if let Some(graph) = &mut self.graph {
            match prepare(changed)? {
                // Which steps may start early depends on what others write, and on whether they wait by themselves.
                Some((Work::Kernel(prepared), memory)) if graph.fits(step, &prepared, &memory) => {
                    graph.set(step, prepared)?;
                }
                Some(_) => self.graph = Graph::of(&self.steps)?,
                None => self.graph = None,
            }
        } else {
            // What did not fit a graph may fit now.
            self.graph = Graph::of(&self.steps)?;
        }
        Ok(())
    }

    unsafe fn enqueue(&mut self) -> Result<(), TargetError> {
        self.gpu.context.enter()?;
        match &self.graph {
            // SAFETY: the graph and the stream are alive; memory is the caller's promise.
            Some(graph) => unsafe { sys::cuGraphLaunch(graph.exec, self.gpu.context.stream) }
                .result()
                .map_err(failed("a graph was refused")),
            // SAFETY: the caller's promise.
            None => self.steps.iter().try_for_each(|step| unsafe { step.launch() }),
        }
    }

    fn is_captured(&self) -> bool {
        self.graph.is_some()
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        // It may still run.
        let _ = self.gpu.context.synchronize_only();
    }
}

/// A step in the driver's terms.
enum Work {
    Kernel(Prepared),
    /// A product by the library.
    Product(Capture),
}

/// A step in the driver's terms and the memory that it uses, if it can be repeated so: as a launch would run it.
fn prepare(step: &Step) -> Result<Option<(Work, Memory)>, TargetError> {
    let executable = step.executable().as_any().and_then(|any| any.downcast_ref());
    let Some(executable): Option<&CudaExecutable> = executable else { return Ok(None) };
    let arguments = step.arguments();
    let memory = Memory::of(&executable.program, &arguments);
    if executable.by_library(&step.bindings().dims)
        && let Some(product) = executable.multiply_later(step.bindings(), &arguments)?
    {
        return Ok(Some((Work::Product(product), memory)));
    }
    let prepared = match executable.specified(step.bindings(), &arguments)? {
        Taken::No => {
            executable.prepare(step.bindings(), &arguments, true)?.filter(Prepared::repeats)
        }
        Taken::Nothing => None,
        Taken::Work(own) => Some(own),
    };
    Ok(prepared.map(|prepared| (Work::Kernel(prepared), memory)))
}

/// A graph of kernels, each after the one before; where it waits for that by itself, it may start while that runs.
struct Graph {
    graph: sys::CUgraph,
    exec: sys::CUgraphExec,
    nodes: Vec<sys::CUgraphNode>,
    /// Keeps loaded what the nodes run.
    work: Vec<Work>,
    memory: Vec<Memory>,
}

// SAFETY: the driver's handles may be used from any thread, by one at a time, which `&mut` and ownership see to; the
// addresses in `work` are the GPU's.
unsafe impl Send for Graph {}

impl Graph {
    /// `None` when a step cannot be repeated as it is.
    fn of(steps: &[Step]) -> Result<Option<Graph>, TargetError> {
        let (mut work, mut memory) = (Vec::with_capacity(steps.len()), Vec::new());
        for step in steps {
            let Some((step, of)) = prepare(step)? else { return Ok(None) };
            work.push(step);
            memory.push(of);
        }
        // What runs before the graph has ended when it starts; what comes later in it waits.
        let mut written: HashSet<u64> = HashSet::new();
        let mut early = Vec::with_capacity(work.len());
        let (mut ahead, mut after_kernel): (&[u64], _) = (&[], false);
        for (step, memory) in work.iter().zip(&memory) {
            let is_made = |buffer: u64| ahead.contains(&buffer);
            let is_written = |buffer: u64| written.contains(&buffer);
            early.push(match step {
                Work::Kernel(step) => {
                    after_kernel && step.starts_early(memory, is_written, is_made)
                }
                Work::Product(_) => false,
            });
            after_kernel = matches!(step, Work::Kernel(_));
            ahead = &memory.written;
            written.extend(ahead);
        }
        let (nodes, handle, exec) = (Vec::new(), null_mut(), null_mut());
        let mut graph = Graph { graph: handle, exec, nodes, work, memory };
        let refused = failed("a graph was refused");
        // Kernels that ask for different splits of a multiprocessor's first cache do not run beside each other: beside those
        // whose groups stay, small ones ask for as much shared memory. Large ones need the cache.
        let stays = |step: &Work| matches!(step, Work::Kernel(step) if step.stays());
        let split = graph.work.iter().any(stays);
        // SAFETY: handles are written before they are read; the driver copies a node's arguments before it returns.
        unsafe {
            sys::cuGraphCreate(&mut graph.graph, 0).result().map_err(&refused)?;
            for (step, early) in graph.work.iter_mut().zip(early) {
                let mut node = null_mut();
                match step {
                    Work::Kernel(step) => step.with(|function, shape, arguments| {
                        let node_of = function.node(shape, arguments);
                        sys::cuGraphAddKernelNode_v2(&mut node, graph.graph, null(), 0, &node_of)
                    }),
                    Work::Product(product) => {
                        let part = product.graph;
                        sys::cuGraphAddChildGraphNode(&mut node, graph.graph, null(), 0, part)
                    }
                }
                .result()
                .map_err(&refused)?;
                if split
                    && let Work::Kernel(step) = step
                    && step.is_small()
                {
                    let id = sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT;
                    let percent = sys::CUlaunchAttributeValue { sharedMemCarveout: 100 };
                    // No more than a wish: a driver that does not know it does without.
                    let _ = sys::cuGraphKernelNodeSetAttribute(node, id, &percent);
                }
                if let Some(last) = graph.nodes.last() {
                    match early {
                        true => {
                            let edge = early_edge();
                            sys::cuGraphAddDependencies_v2(graph.graph, last, &node, &edge, 1)
                        }
                        false => sys::cuGraphAddDependencies(graph.graph, last, &node, 1),
                    }
                    .result()
                    .map_err(&refused)?;
                }
                graph.nodes.push(node);
            }
            sys::cuGraphInstantiateWithFlags(&mut graph.exec, graph.graph, 0)
                .result()
                .map_err(&refused)?;
        }
        Ok(Some(graph))
    }

    /// True when a step is a product by the library.
    fn multiplies(&self, step: usize) -> bool {
        matches!(self.work[step], Work::Product(_))
    }

    /// True when the edges are right for another launch in a step's place.
    fn fits(&self, step: usize, prepared: &Prepared, memory: &Memory) -> bool {
        let Work::Kernel(known) = &self.work[step] else { return false };
        self.memory[step] == *memory && known.early() == prepared.early()
    }

    /// Runs another launch in a step's place from the next start on.
    fn set(&mut self, step: usize, mut prepared: Prepared) -> Result<(), TargetError> {
        let (exec, node) = (self.exec, self.nodes[step]);
        prepared
            .with(|function, shape, arguments| {
                let node_of = function.node(shape, arguments);
                // SAFETY: the node is one of this graph's; the driver copies the arguments before it returns.
                unsafe { sys::cuGraphExecKernelNodeSetParams_v2(exec, node, &node_of) }
            })
            .result()
            .map_err(failed("a changed launch was refused"))?;
        self.work[step] = Work::Kernel(prepared);
        Ok(())
    }
}

/// The edge to a kernel that waits by itself from one that lets it start.
fn early_edge() -> sys::CUgraphEdgeData {
    // CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC, a macro of the driver's header.
    const STARTED: u8 = 1;
    let programmatic = sys::CUgraphDependencyType_enum::CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
    sys::CUgraphEdgeData {
        from_port: STARTED,
        to_port: 0,
        type_: programmatic as u8,
        reserved: [0; 5],
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made in `of`, destroyed once; a started graph runs to its end.
        unsafe {
            if !self.exec.is_null() {
                let _ = sys::cuGraphExecDestroy(self.exec);
            }
            if !self.graph.is_null() {
                let _ = sys::cuGraphDestroy(self.graph);
            }
        }
    }
}
