"""Stand-ins for the repositories that Bazel 4's built-in WORKSPACE would download.

Each forwards to Bazel's native rules, which is all that Bazel 4 needs of them.
"""

def _shim_impl(ctx):
    ctx.file("WORKSPACE", "")
    for path, names in ctx.attr.native_rules.items():
        ctx.file(path.rpartition("/")[0] + "/BUILD", "")
        ctx.file(path, "".join(["%s = native.%s\n" % (name, name) for name in names]))
    for path, text in ctx.attr.files.items():
        ctx.file(path, text)

_shim = repository_rule(
    implementation = _shim_impl,
    attrs = {
        "files": attr.string_dict(),
        "native_rules": attr.string_list_dict(),
    },
    local = True,
)

def offline_shims():
    """Declares rules_cc, rules_java, rules_proto and remote_coverage_tools without a download."""
    _shim(
        name = "rules_cc",
        native_rules = {"cc/defs.bzl": [
            "cc_binary",
            "cc_import",
            "cc_library",
            "cc_proto_library",
            "cc_test",
            "cc_toolchain",
            "cc_toolchain_suite",
            "objc_library",
        ]},
    )
    _shim(
        name = "rules_java",
        native_rules = {"java/defs.bzl": [
            "java_binary",
            "java_import",
            "java_library",
            "java_proto_library",
            "java_runtime",
            "java_toolchain",
        ]},
    )
    _shim(
        name = "rules_proto",
        native_rules = {"proto/defs.bzl": ["proto_lang_toolchain", "proto_library"]},
    )

    # Every cc_test names this one; only `bazel coverage` would run it.
    _shim(
        name = "remote_coverage_tools",
        files = {"BUILD": """
package(default_visibility = ["//visibility:public"])
[filegroup(name = n) for n in ["lcov_merger", "coverage_report_generator"]]
"""},
    )
