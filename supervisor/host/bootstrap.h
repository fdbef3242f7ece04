/*
 * bootstrap.h - how syncup-host gets to run on a host, and what it says then.
 *
 * A directory in which something may be run is looked for: it is tried, by an
 * empty file, which a shell runs as a script of no lines unless the file system
 * is mounted noexec; and so is the room, by as many zeros as the program has
 * bytes.  The program removes both, itself and the directory, as the first
 * thing that it does; if it never gets to run, the trap does.
 */
#ifndef SUPERVISOR_HOST_BOOTSTRAP_H
#define SUPERVISOR_HOST_BOOTSTRAP_H

#define BOOTSTRAP_GREETING "syncup-host ready"
#define BOOTSTRAP_TROUBLE "syncup-host trouble: "
#define BOOTSTRAP_DIRECTORY ".syncup-host-"

/* One word for the login shell.  Takes size_t: bytes of the program; size_t:
 * bytes as sent; what unpacks them; size_t: bytes of the program. */
#define BOOTSTRAP                                                              \
	"'umask 077; t=; gone() { test -z \"$t\" || rm -rf \"$t\"; }; "        \
	"trap gone 0; trap \"exit 1\" 1 2 13 15; "                             \
	"for d in \"$XDG_RUNTIME_DIR\" /dev/shm /tmp /var/tmp \"$HOME\"; do "  \
	"test -n \"$d\" && test -d \"$d\" && test -w \"$d\" || continue; "     \
	"t=$(mktemp -d \"$d/" BOOTSTRAP_DIRECTORY "XXXXXXXXXX\" 2>/dev/null) " \
	"|| continue; "                                                        \
	"head -c %zu /dev/zero >\"$t/p\" 2>/dev/null && : >\"$t/p\" && "       \
	"chmod 700 \"$t/p\" && \"$t/p\" 2>/dev/null && break; "                \
	"gone; t=; done; "                                                     \
	"if test -z \"$t\"; then echo \"" BOOTSTRAP_TROUBLE                    \
	"nowhere (XDG_RUNTIME_DIR, /dev/shm, /tmp, /var/tmp, the home "        \
	"directory) is there room for a program that may be run\"; exit 1; "   \
	"fi; "                                                                 \
	"head -c %zu | %s >\"$t/h\" 2>/dev/null; "                             \
	"if test $(wc -c <\"$t/h\") -ne %zu; then exit 1; fi; "                \
	"chmod 700 \"$t/h\"; rm -f \"$t/p\"; exec \"$t/h\"'"

#endif
