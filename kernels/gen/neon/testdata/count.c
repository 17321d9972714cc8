// A plugin of QEMU that counts the instructions a program executes: qemu-aarch64 -plugin count.so PROGRAM.
// What it needs of qemu-plugin.h is declared here, since Debian has no package of that.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct block;
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t, void (*)(uint64_t, struct block *));
size_t qemu_plugin_tb_n_insns(const struct block *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int, void *, uint64_t);
void qemu_plugin_register_atexit_cb(uint64_t, void (*)(uint64_t, void *), void *);

int qemu_plugin_version = 1;

static uint64_t count; // threads of the program may lose some: run it with one

static void translated(uint64_t id, struct block *b)
{
	qemu_plugin_register_vcpu_tb_exec_inline(b, 0 /* add */, &count, qemu_plugin_tb_n_insns(b));
}

static void done(uint64_t id, void *unused)
{
	fprintf(stderr, "instructions %lu\n", (unsigned long)count);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, done, NULL);
	return 0;
}
