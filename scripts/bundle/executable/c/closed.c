/* What lets code or paths of the machine in, replaced by what lets nothing in.
 *
 * glibc's loader would be linked for these calls alone (name services, character sets, OpenSSL's
 * modules, Python's extension modules make them); without it no code can come into the process.
 * Whoever calls is told that there is nothing to load, and none of them needs it: the build looks
 * for the loader in what it linked, and traces a life for files opened.
 */

#include <Python.h>

#include <dlfcn.h>

void *dlopen(const char *file, int mode)
{
    (void)file, (void)mode;
    return NULL;
}

void *dlsym(void *handle, const char *name)
{
    (void)handle, (void)name;
    return NULL;
}

void *dlvsym(void *handle, const char *name, const char *version)
{
    (void)handle, (void)name, (void)version;
    return NULL;
}

int dlclose(void *handle)
{
    (void)handle;
    return -1;
}

int dladdr(const void *address, Dl_info *found)
{
    (void)address, (void)found;
    return 0;
}

char *dlerror(void)
{
    static char told[] = "this process loads no code";
    return told;
}

/* The same, by the names that glibc itself calls. */
void *__libc_dlopen_mode(const char *file, int mode);
void *__libc_dlsym(void *handle, const char *name);
void *__libc_dlvsym(void *handle, const char *name, const char *version);
int __libc_dlclose(void *handle);

void *__libc_dlopen_mode(const char *file, int mode)
{
    return dlopen(file, mode);
}

void *__libc_dlsym(void *handle, const char *name)
{
    return dlsym(handle, name);
}

void *__libc_dlvsym(void *handle, const char *name, const char *version)
{
    return dlvsym(handle, name, version);
}

int __libc_dlclose(void *handle)
{
    return dlclose(handle);
}

/* CPython's own looks for pyvenv.cfg, ._pth and landmarks on disk; main.c has set all of it. */
PyStatus _PyConfig_InitPathConfig(PyConfig *config, int compute);

PyStatus _PyConfig_InitPathConfig(PyConfig *config, int compute)
{
    (void)config, (void)compute;
    return PyStatus_Ok();
}
