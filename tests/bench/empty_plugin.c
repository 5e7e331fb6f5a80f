/*
 * An output plugin that writes nothing: what decoding costs before any plugin does its work. Plain C, so that nothing of
 * ours is in the floor that the benchmark measures.
 */
#include "postgres.h"

#include "replication/logical.h"
#include "replication/output_plugin.h"

PG_MODULE_MAGIC;

extern __attribute__((visibility("default"))) void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

static void
Startup(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool is_init)
{
	options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
}

static void
Begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
}

static void
Change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change)
{
}

static void
Commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
}

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	callbacks->startup_cb = Startup;
	callbacks->begin_cb = Begin;
	callbacks->change_cb = Change;
	callbacks->commit_cb = Commit;
}
