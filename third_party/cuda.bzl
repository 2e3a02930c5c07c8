"""CUDA, where it is installed: @local_cuda says whether, cuda_object compiles a file with nvcc."""

def _local_cuda_impl(ctx):
    root = ctx.os.environ.get("CUDA_HOME", "/usr/local/cuda")
    wanted = ctx.os.environ.get("MILLRACE_CUDA", "1") != "0"
    have = wanted and ctx.path(root + "/bin/nvcc").exists
    ctx.file("defs.bzl", "HAVE_CUDA = %r\nCUDA_ROOT = %r\n" % (have, root))
    build = "package(default_visibility = [\"//visibility:public\"])\n"
    if have:
        ctx.symlink(root + "/lib64/libcudart_static.a", "lib/libcudart_static.a")

        # The headers as they are: a glob of them would be 1600 targets.
        build += """
cc_import(name = "cudart_a", static_library = "lib/libcudart_static.a")
cc_library(name = "cudart", linkopts = ["-ldl", "-lrt", "-lpthread"], deps = [":cudart_a"])
"""
    ctx.file("BUILD.bazel", build)

local_cuda = repository_rule(
    implementation = _local_cuda_impl,
    doc = "Finds CUDA in CUDA_HOME (/usr/local/cuda); MILLRACE_CUDA=0 does not look.",
    environ = ["CUDA_HOME", "MILLRACE_CUDA"],
    configure = True,
)

def _cuda_object_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".o")
    args = ctx.actions.args()
    args.add("-c").add(ctx.file.src).add("-o", out)
    args.add_all(["-O3", "-I.", "-I" + ctx.bin_dir.path, "-I" + ctx.genfiles_dir.path])
    args.add_all(["-Werror", "all-warnings", "-Xcompiler", "-fPIC,-Wall,-Wextra,-Werror"])
    if ctx.file.src.extension == "c":
        args.add_all(["-Xcompiler", "-std=gnu17"])
    else:
        args.add("-std=c++20")
        for arch in ctx.attr.archs:
            args.add("-gencode", "arch=compute_%s,code=sm_%s" % (arch, arch))

        # What is newer than all of these compiles the last one's PTX itself.
        args.add("-gencode", "arch=compute_%s,code=compute_%s" % (ctx.attr.archs[-1], ctx.attr.archs[-1]))
    ctx.actions.run_shell(
        inputs = [ctx.file.src] + ctx.files.hdrs,
        outputs = [out],
        arguments = [args],
        # nvcc finds its own parts beside itself, so it is run by its real path.
        command = "export PATH=/usr/bin:/bin; exec %s/bin/nvcc \"$@\"" % ctx.attr.root,
        mnemonic = "Nvcc",
        progress_message = "nvcc %s" % ctx.file.src.short_path,
    )
    return [DefaultInfo(files = depset([out]))]

cuda_object = rule(
    implementation = _cuda_object_impl,
    attrs = {
        # nvcc gives C to the C compiler, with CUDA's headers in its path: outside of the workspace,
        # a cc_library may not name them.
        "src": attr.label(allow_single_file = [".cu", ".c"], mandatory = True),
        "hdrs": attr.label_list(allow_files = True),
        "archs": attr.string_list(default = ["80", "90"], doc = "Compute capabilities, the newest last."),
        "root": attr.string(doc = "CUDA_ROOT of @local_cuda."),
    },
)
