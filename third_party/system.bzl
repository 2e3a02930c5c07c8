"""Finds the libraries and tools that Debian's packages installed."""

def _missing(what, package):
    fail("%s is not installed: run tools/setup, or apt-get install %s" % (what, package))

def _library_impl(ctx):
    linkopts = ctx.attr.linkopts
    if ctx.attr.header:
        if not ctx.path(ctx.attr.header).exists:
            _missing(ctx.attr.header, ctx.attr.package)
    else:
        pkg_config = ctx.which("pkg-config")
        if pkg_config == None:
            _missing("pkg-config", "pkgconf")
        wanted = (ctx.attr.module + " " + ctx.attr.version).strip()
        if ctx.execute([pkg_config, "--exists", wanted]).return_code != 0:
            _missing(wanted, ctx.attr.package)
        if not linkopts:
            linkopts = ctx.execute([pkg_config, "--libs", ctx.attr.module]).stdout.strip().split(" ")
    ctx.file("BUILD.bazel", """
cc_library(
    name = %r,
    linkopts = %r,
    visibility = ["//visibility:public"],
)
""" % (ctx.attr.name, linkopts))

system_library = repository_rule(
    implementation = _library_impl,
    doc = "A cc_library for a library in the system's own include and library paths.",
    attrs = {
        "header": attr.string(doc = "A header that must be there, for a library without a pkg-config file."),
        "linkopts": attr.string_list(doc = "What to link; empty: as pkg-config says."),
        "module": attr.string(doc = "The pkg-config module."),
        "package": attr.string(mandatory = True, doc = "The Debian package to name when it is missing."),
        "version": attr.string(doc = "What pkg-config must find, such as '>= 29.0.0'."),
    },
    configure = True,
    environ = ["PKG_CONFIG_PATH"],
)

def _tools_impl(ctx):
    for tool, package in ctx.attr.tools.items():
        path = ctx.which(tool)
        if path == None:
            _missing(tool, package)
        ctx.symlink(path, tool)
    ctx.file("BUILD.bazel", "exports_files(%r, visibility = [\"//visibility:public\"])\n" % ctx.attr.tools.keys())

system_tools = repository_rule(
    implementation = _tools_impl,
    doc = "Programs found on the PATH, each with the Debian package that holds it.",
    attrs = {"tools": attr.string_dict(mandatory = True)},
    configure = True,
)
