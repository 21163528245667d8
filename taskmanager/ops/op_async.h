/*
 * op_async - what others may ask of an async operator.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/operator.h"

/* Requests whose answer has not been taken yet; not those that wait for their next attempt, or for room behind the
 * operator. 0 for operators of other kinds. */
uint32_t tm_op_async_asking(const tm_op *op);
/* Has it rows in hand: requests, or results that have not left? False for operators of other kinds. */
bool tm_op_async_holds(const tm_op *op);
