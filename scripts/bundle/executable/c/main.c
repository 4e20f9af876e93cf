/* The entry of the executable: Python with all that it runs inside, and nothing from outside.
 *
 * What a dynamic Python would take from its surroundings is settled here before it starts: the
 * environment, the locale, OpenSSL's configuration, name services, the import path.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <nss.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

extern const struct _frozen bundled_modules[]; /* written by the build: every Python module */
extern struct _inittab bundled_natives[];      /* and those in C that libpython lacks */

/* Variables by which somebody else's files or settings would come in: glibc's, OpenSSL's, expat's,
 * Python's and protobuf's. A name alone stands for all that begin with it, since a library may come
 * to read another of its own. What says where the system's trust is (SSL_CERT_FILE, SSL_CERT_DIR),
 * TMPDIR and TZ stay.
 *
 * Before there is a main, glibc has read the LD_ ones, of use to its loader alone, and the tuning
 * of its memory, and OpenSSL which of the CPU's instructions to use: none of them names code. */
static const char *const dropped[] = {
    "CTLOG_FILE=", "EXPAT_", "GCONV_PATH=", "GETCONF_DIR=", "GLIBC_TUNABLES=", "HOSTALIASES=",
    "LD_", "LOCALDOMAIN=", "LOCPATH=", "MALLOC_", "NIS_", "NLSPATH=", "OPENSSL_",
    "PROTOCOL_BUFFERS_", "PYTHON", "RES_OPTIONS=", "RESOLV_", "SSLKEYLOGFILE=",
    "TEMPORARILY_DISABLE_PROTOBUF_", "TZDIR=", "_PYTHON",
};

/* Below which Python's library would look for translations and the like. No file can be there, as
 * could be below "", the working directory. */
static const wchar_t nowhere[] = L"/dev/null";

/* As shim.process.signals says, which takes a while to load: a server's process group gets them
 * all. */
static const int left_alone[] = {
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU,
    SIGALRM, SIGVTALRM, SIGIO, SIGPWR,
    SIGPIPE, SIGXFSZ, /* Python's own way: each is an error of the call, too */
};

static void drop_environment(void)
{
    extern char **environ;
    char **kept = environ;

    if (environ == NULL)
        return;
    for (char **variable = environ; *variable != NULL; variable++) {
        int drop = 0;
        for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
            drop |= strncmp(*variable, dropped[i], strlen(dropped[i])) == 0;
        if (!drop)
            *kept++ = *variable;
    }
    *kept = NULL;
}

static void settle_signals(void)
{
    sigset_t held;

    for (size_t i = 0; i < sizeof left_alone / sizeof *left_alone; i++)
        signal(left_alone[i], SIG_IGN);
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, NULL);
}

/* glibc's own, by which its first look-up reads /etc/host.conf. */
void _res_hconf_init(void);

/* Names are looked up in /etc/hosts, then by DNS, whatever nsswitch.conf says: its modules are
 * shared objects. A database that is configured by a program is not looked up in the file. Of
 * /etc/hosts all lines count, whatever host.conf says: where there is none, as on Alpine, glibc
 * would take the first alone. 0 where glibc failed. */
static int settle_name_services(void)
{
    static const char *const databases[] = {
        "aliases", "ethers", "group", "gshadow", "initgroups", "netgroup", "networks", "passwd",
        "protocols", "publickey", "rpc", "services", "shadow",
    };
    int failed = __nss_configure_lookup("hosts", "files dns");

    for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
        failed |= __nss_configure_lookup(databases[i], "files");
    failed |= setenv("RESOLV_HOST_CONF", "", 1) | setenv("RESOLV_MULTI", "on", 1);
    _res_hconf_init();
    unsetenv("RESOLV_HOST_CONF");
    unsetenv("RESOLV_MULTI");
    return !failed;
}

static void check(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void start_python(int argc, char **argv)
{
    PyPreConfig before;
    PyConfig config;

    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    before.configure_locale = 0;
    before.coerce_c_locale = 0;
    check(Py_PreInitialize(&before));

    PyConfig_InitIsolatedConfig(&config);
    config.parse_argv = 0;
    config.site_import = 0;
    config.write_bytecode = 0;
    config.module_search_paths_set = 1; /* and empty: nothing is imported from a disk */
    config.use_frozen_modules = 1;
    check(PyConfig_SetBytesString(&config, &config.program_name, argv[0]));
    check(PyConfig_SetBytesString(&config, &config.executable, argv[0]));
    check(PyConfig_SetBytesString(&config, &config.base_executable, argv[0]));
    check(PyConfig_SetString(&config, &config.prefix, nowhere));
    check(PyConfig_SetString(&config, &config.base_prefix, nowhere));
    check(PyConfig_SetString(&config, &config.exec_prefix, nowhere));
    check(PyConfig_SetString(&config, &config.base_exec_prefix, nowhere));
    check(PyConfig_SetString(&config, &config.platlibdir, L""));
    check(PyConfig_SetString(&config, &config.stdlib_dir, L""));
    check(PyConfig_SetBytesArgv(&config, argc, argv));
    check(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
}

int main(int argc, char **argv)
{
    int failed;

    if (argc < 1)
        return 1;
    prctl(PR_SET_DUMPABLE, 0); /* before there is a secret: nobody but root may look in */
    settle_signals();
    drop_environment();
    PyImport_FrozenModules = bundled_modules;
    /* A machine's openssl.cnf may name modules to load. */
    if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) || !settle_name_services()
        || PyImport_ExtendInittab(bundled_natives) != 0)
        return 1;
    start_python(argc, argv);
    failed = PyImport_ImportFrozenModule("_entry") != 1;
    if (failed)
        PyErr_Print(); /* and ends the process where that is what was raised */
    return Py_FinalizeEx() < 0 || failed;
}
