//! Memory that this program needs once.

/// Lets go of the pages of the program and its libraries, and of free memory: most were read to start, record and compile,
/// and are not needed again. Those that are come back from the file's cache when they are used, without reading the disk.
///
/// A program of 25 MB stands in memory with 15 by the time that a model is loaded; one that writes tokens needs 1.
pub fn release_code() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: gives free memory back to the system; what is taken stays where it is.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    code::each(&mut |_, start, end| {
        // SAFETY: a private mapping of a file that was never written to holds what the file holds: pages that are
        // dropped come back the same.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
        true
    });
}

/// From here on, what is read of the program brings few pages with it: the system maps 64 KiB round each, unless they are
/// another kind of memory. It takes some 10 ms, and saves 6 MB of the code that runs a model.
pub fn read_code_in_small_parts() {
    #[cfg(target_os = "linux")]
    code::each(&mut |name, start, end| {
        const PART: usize = 8 << 10;
        if !name.is_empty() {
            return false;
        }
        for at in (start..end).step_by(2 * PART) {
            let bytes = PART.min(end - at);
            // SAFETY: leaves every second part out of core dumps, whose readers take code from the program's file.
            unsafe { libc::madvise(at as *mut libc::c_void, bytes, libc::MADV_DONTDUMP) };
        }
        true
    });
}

#[cfg(target_os = "linux")]
mod code {
    use std::ffi::CStr;

    /// What is done with the name of an object, which the program lacks, and the first and last address of each part of it
    /// that nobody can have written to; false ends it.
    type Each<'a> = &'a mut dyn FnMut(&[u8], usize, usize) -> bool;

    /// Goes through the program and its libraries.
    pub fn each(mut work: Each<'_>) {
        // SAFETY: the callback only reads what it is given, keeps nothing, and gets what it expects.
        unsafe { libc::dl_iterate_phdr(Some(of_object), (&raw mut work).cast()) };
    }

    unsafe extern "C" fn of_object(
        object: *mut libc::dl_phdr_info,
        _: libc::size_t,
        work: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: `each` gives it, and has it for itself meanwhile.
        let work = unsafe { &mut *work.cast::<Each<'_>>() };
        // SAFETY: the loader gives an object that lives during the call, with as many headers as it says.
        let (name, base, headers) = unsafe {
            let object = &*object;
            let name = match object.dlpi_name.is_null() {
                true => c"",
                false => CStr::from_ptr(object.dlpi_name),
            };
            if object.dlpi_phdr.is_null() {
                return 0;
            }
            let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
            (name.to_bytes(), object.dlpi_addr as usize, headers)
        };
        // The system's own object is no file.
        if name.starts_with(b"linux-vdso") {
            return 0;
        }
        // SAFETY: there is always a size of pages.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        for header in headers {
            if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
                continue;
            }
            // Whole pages inside: one at an end may be shared with a segment that is written to.
            let start = (base + header.p_vaddr as usize).next_multiple_of(page);
            let end = (base + header.p_vaddr as usize + header.p_memsz as usize) / page * page;
            if start < end && !work(name, start, end) {
                return 1;
            }
        }
        0
    }
}
