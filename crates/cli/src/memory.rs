//! Memory that this program needs once.

/// Lets go of the pages of the program itself: most were read to start, record and compile, and are not needed again. Those
/// that are come back from the file's cache when they are used, without reading the disk.
///
/// A program of 25 MB stands in memory with 15 by the time that a model is loaded; one that writes tokens needs 1.
pub fn release_code() {
    #[cfg(target_os = "linux")]
    // SAFETY: the callback only reads what it is given, and keeps nothing.
    unsafe {
        libc::dl_iterate_phdr(Some(release), std::ptr::null_mut());
    }
}

/// Releases the segments of the program, which is the first object, that nobody can have written to.
#[cfg(target_os = "linux")]
unsafe extern "C" fn release(
    object: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the loader gives an object that lives during the call, with as many headers as it says.
    let (base, headers) = unsafe {
        let object = &*object;
        if object.dlpi_phdr.is_null() {
            return 1;
        }
        let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
        (object.dlpi_addr as usize, headers)
    };
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        // SAFETY: there is always a size of pages.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        // Whole pages inside: one at an end may be shared with a segment that is written to.
        let start = (base + header.p_vaddr as usize).next_multiple_of(page);
        let end = (base + header.p_vaddr as usize + header.p_memsz as usize) / page * page;
        if start < end {
            // SAFETY: a private mapping of a file that was never written to holds what the file holds: pages that are
            // dropped come back the same.
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
        }
    }
    // No other object.
    1
}
