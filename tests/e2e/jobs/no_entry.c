/*
 * no_entry - a shared library, but no job.
 */
int wiesel_e2e_answer(void);
int wiesel_e2e_answer(void) { return 42; }
