//! cuBLASLt, for programs that are a plain matrix product and nothing else. Looked for at run time: without it such
//! programs run as they were written.

use crate::driver::Context;
use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys;
use cudarc::driver::sys as driver;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};
use tilewright_ir::DType;
use tilewright_target::TargetError;

/// Bytes that the library may use beside the matrices.
const WORKSPACE: usize = 32 << 20;

/// A matrix in row-major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Matrix {
    /// Where it begins.
    pub address: u64,
    /// Elements from one row to the next.
    pub stride: i64,
    /// It is the transposed one that is multiplied.
    pub turned: bool,
}

/// `out = left right`, all of one type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multiplication {
    pub left: Matrix,
    pub right: Matrix,
    pub out: Matrix,
    pub dtype: DType,
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
}

/// The opened library.
pub(crate) struct Library {
    context: Arc<Context>,
    handle: sys::cublasLtHandle_t,
    workspace: driver::CUdeviceptr,
    plans: Mutex<HashMap<Key, Plan>>,
}

/// What the library's choice of an algorithm depends on.
type Key = (DType, [usize; 3], [(i64, bool, u32); 3]);

/// The library's description of a product, with the algorithm that it chose.
struct Plan {
    operation: sys::cublasLtMatmulDesc_t,
    layouts: [sys::cublasLtMatrixLayout_t; 3],
    algorithm: sys::cublasLtMatmulAlgo_t,
}

// SAFETY: the library's handles may be used from any thread; plans are used under a lock.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Opens it; `None` where it is not installed or does not start.
    pub fn open(context: &Arc<Context>) -> Option<Library> {
        // SAFETY: it only looks for a library.
        if !unsafe { sys::is_culib_present() } {
            return None;
        }
        context.enter().ok()?;
        let handle = result::create_handle().ok()?;
        // SAFETY: freed in `drop`.
        let workspace = unsafe { cudarc::driver::result::malloc_sync(WORKSPACE) };
        let Ok(workspace) = workspace else {
            // SAFETY: made above, and not used again.
            let _ = unsafe { result::destroy_handle(handle) };
            return None;
        };
        Some(Library { context: context.clone(), handle, workspace, plans: Mutex::default() })
    }

    /// Starts the product on a stream of the context; false when the library has no algorithm for it.
    ///
    /// # Safety
    /// The matrices lie where they are said to until the work is complete, and the result overlaps neither factor.
    pub unsafe fn multiply(
        &self,
        product: &Multiplication,
        stream: driver::CUstream,
    ) -> Result<bool, TargetError> {
        self.context.enter()?;
        let of = |matrix: &Matrix| {
            (matrix.stride, matrix.turned, matrix.address.trailing_zeros().min(8))
        };
        let Multiplication { left, right, out, dtype, rows, depth, columns } = *product;
        let key = (dtype, [rows, depth, columns], [of(&left), of(&right), of(&out)]);
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = match plans.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let Ok(plan) = Plan::new(self.handle, product) else { return Ok(false) };
                place.insert(plan)
            }
        };
        let (one, zero) = (1.0f32, 0.0f32);
        let [a, b, d] = plan.layouts;
        // The library counts columns first: the transposed result is the product of the transposed factors, in turn.
        // SAFETY: handles and descriptions are alive; the matrices are the caller's promise.
        unsafe {
            result::matmul(
                self.handle,
                plan.operation,
                (&raw const one).cast(),
                (&raw const zero).cast(),
                right.address as *const c_void,
                a,
                left.address as *const c_void,
                b,
                out.address as *const c_void,
                d,
                out.address as *mut c_void,
                d,
                &plan.algorithm,
                self.workspace as *mut c_void,
                WORKSPACE,
                stream.cast(),
            )
        }
        .map_err(|e| TargetError::Device(format!("CUDA: cuBLASLt refused a product: {e}")))?;
        Ok(true)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if self.context.synchronize_only().is_ok() {
            // SAFETY: made in `open`, freed once, and nothing runs any more.
            unsafe {
                let _ = cudarc::driver::result::free_sync(self.workspace);
                let _ = result::destroy_handle(self.handle);
            }
        }
    }
}

impl Plan {
    fn new(handle: sys::cublasLtHandle_t, product: &Multiplication) -> Result<Plan, CublasError> {
        use sys::cublasLtMatmulDescAttributes_t::{
            CUBLASLT_MATMUL_DESC_TRANSA, CUBLASLT_MATMUL_DESC_TRANSB,
        };
        use sys::cublasLtMatmulPreferenceAttributes_t::*;
        let Multiplication { left, right, out, dtype, rows, depth, columns } = *product;
        let ty = match dtype {
            DType::F16 => sys::cudaDataType::CUDA_R_16F,
            DType::BF16 => sys::cudaDataType::CUDA_R_16BF,
            _ => sys::cudaDataType::CUDA_R_32F,
        };
        let layout = |matrix: &Matrix, rows: usize, columns: usize| {
            // A row-major matrix is its own transpose by columns.
            let (rows, columns) = if matrix.turned { (columns, rows) } else { (rows, columns) };
            result::create_matrix_layout(ty, columns as u64, rows as u64, matrix.stride)
        };
        // f32 stays f32: no type with fewer bits stands in for it.
        let compute = sys::cublasComputeType_t::CUBLAS_COMPUTE_32F;
        let mut plan = Plan {
            operation: result::create_matmul_desc(compute, sys::cudaDataType::CUDA_R_32F)?,
            layouts: [std::ptr::null_mut(); 3],
            // SAFETY: it is plain words, replaced below.
            algorithm: unsafe { std::mem::zeroed() },
        };
        plan.layouts[0] = layout(&right, depth, columns)?;
        plan.layouts[1] = layout(&left, rows, depth)?;
        plan.layouts[2] = layout(&out, rows, columns)?;
        let preference = result::create_matmul_pref()?;
        let word = |matrix: &Matrix| 1u32 << matrix.address.trailing_zeros().min(8);
        // Sums in parts are joined in f32, never in the type of the result.
        let joined = sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_INPLACE as u32
            | sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
        // SAFETY: every attribute gets as many bytes as its type has; all descriptions are alive.
        let found = unsafe {
            let set = |attribute, value: *const c_void, size| {
                result::set_matmul_pref_attribute(preference, attribute, value, size)
            };
            let turn = |attribute, turned: bool| {
                let value = i32::from(turned);
                let value = (&raw const value).cast();
                result::set_matmul_desc_attribute(plan.operation, attribute, value, 4)
            };
            let number = |attribute, value: u32| set(attribute, (&raw const value).cast(), 4);
            turn(CUBLASLT_MATMUL_DESC_TRANSA, right.turned)
                .and_then(|()| turn(CUBLASLT_MATMUL_DESC_TRANSB, left.turned))
                .and_then(|()| {
                    let size = (&raw const WORKSPACE_SIZE).cast();
                    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, size, size_of::<usize>())
                })
                .and_then(|()| number(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, joined))
                .and_then(|()| number(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, word(&right)))
                .and_then(|()| number(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, word(&left)))
                .and_then(|()| number(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, word(&out)))
                .and_then(|()| number(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, word(&out)))
                .and_then(|()| {
                    let [a, b, d] = plan.layouts;
                    let operation = plan.operation;
                    result::get_matmul_algo_heuristic(handle, operation, a, b, d, d, preference)
                })
        };
        // SAFETY: made above, and not used again.
        let _ = unsafe { result::destroy_matmul_pref(preference) };
        plan.algorithm = found?.algo;
        Ok(plan)
    }
}

/// [`WORKSPACE`], at an address.
static WORKSPACE_SIZE: usize = WORKSPACE;

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: made in `new`, destroyed once.
        unsafe {
            for layout in self.layouts {
                if !layout.is_null() {
                    let _ = result::destroy_matrix_layout(layout);
                }
            }
            let _ = result::destroy_matmul_desc(self.operation);
        }
    }
}
