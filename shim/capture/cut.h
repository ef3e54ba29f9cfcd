/*
 * The capture is cut short by another hand while the process runs: `truncate -s 0 CAPTURE`, a log
 * rotation that copies and truncates, `cp` over it.
 *
 * A store into a page of a shared mapping that lies behind the end of its file is a SIGBUS, and its
 * default ends the process. What there is against it:
 *
 * - Nothing keeps others from cutting a file that is mapped to be written: seals are for memfds,
 *   which end with the process; a lease (F_SETLEASE) only delays the other, by a signal to the
 *   host, and is not to be had on a file that is open for writing; mandatory locks are no more.
 * - Asking for the size before each event is a system call for each event, and still a race.
 * - Events kept in the process and written to the file later are lost by SIGKILL.
 *
 * So there is a handler for SIGBUS. It comes with the capture, not before. A fault within the
 * capture's mapping puts private memory in its place, says so in one line and ends recording: the
 * store is done again, and the host goes on. Any other SIGBUS is the host's. The handler is as good
 * as invisible:
 *
 * - With a handler of the host's, ours is installed with that one's mask and flags and calls it
 *   with its own arguments, on the stack that the host chose. It goes by what the kernel holds, so
 *   a host's handler is found whenever and however it was installed; those that come by sigaction,
 *   signal and kin afterwards are wrapped once the original has done its work.
 * - Where the host has the default, that is put back and the fault happens again, or the signal is
 *   sent again with all that came with it: the process ends as without us, core included.
 * - Where the host ignores SIGBUS, it stays ignored (a wait is then not interrupted, and exec
 *   passes it on), and the process is not protected.
 * - Whoever asks for the disposition is told the host's. A child by fork has both; exec resets it,
 *   as it does with the host's.
 *
 * What remains: a thread that blocks SIGBUS cannot be saved, for the kernel then ends the process
 * whatever the handler is; and /proc/PID/status shows that SIGBUS is caught.
 */
#ifndef LK_CAPTURE_CUT_H
#define LK_CAPTURE_CUT_H

/* The capture is open from now on. Between an increment of lk_self.depth and its decrement. */
void lk_cut_watch(void);

#endif
