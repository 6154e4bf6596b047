//! What a thread has prepared last. Products that follow each other often share x (queries, keys and values; a gate and
//! what it is multiplied with, batch after batch), and to compare it takes a small part of the time that preparing it
//! does.

use super::{CHUNK, Level, Prepared};
use std::cell::Cell;
use std::mem::MaybeUninit;

/// How x is prepared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// By whose instructions.
    pub level: Level,
    /// Of a weight.
    pub bits: u32,
    /// Elements of a group.
    pub group: usize,
    /// See [`super::whole::negligible`].
    pub negligible: f64,
}

/// See the [module](self).
#[repr(C)]
pub struct Last {
    /// What [`Self::holds`] has found, or what is prepared anew.
    pub prepared: Prepared,
    form: MaybeUninit<Form>,
    /// Elements of x, 0 for nothing.
    len: usize,
    x: [MaybeUninit<f32>; CHUNK],
}

thread_local! {
    static LAST: Cell<Option<Box<Last>>> = const { Cell::new(None) };
}

impl Last {
    /// This thread's; nobody else has it until it is given back.
    pub fn take() -> Box<Last> {
        LAST.take().unwrap_or_else(|| {
            let mut last = Box::<Last>::new_uninit();
            let at = last.as_mut_ptr();
            // SAFETY: zeros are values of all its numbers, and the rest need not be any.
            unsafe {
                Prepared::at(&raw mut (*at).prepared);
                (&raw mut (*at).len).write(0);
                last.assume_init()
            }
        })
    }

    /// Keeps it for the next product.
    pub fn give(self: Box<Self>) {
        LAST.set(Some(self));
    }

    /// True for the same x, bit for bit, in the same form.
    pub fn holds(&self, form: &Form, x: &[f32]) -> bool {
        // SAFETY: where there is a length, there is a form, and so many numbers, which are as good as their bits.
        self.len > 0
            && self.len == x.len()
            && unsafe {
                let held = std::slice::from_raw_parts(self.x.as_ptr().cast::<u32>(), self.len);
                let x = std::slice::from_raw_parts(x.as_ptr().cast::<u32>(), x.len());
                self.form.assume_init() == *form && held == x
            }
    }

    /// Notes what was prepared, at most [`CHUNK`] elements, if integers would do; whether they do.
    pub fn note(&mut self, form: &Form, x: &[f32], whole: bool) -> bool {
        self.len = if whole { x.len() } else { 0 };
        self.form.write(*form);
        for (to, x) in self.x.iter_mut().zip(x) {
            to.write(*x);
        }
        whole
    }
}
