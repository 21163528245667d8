/* A shared object that has nothing to do with Wiesel. */
int answer(void);
int answer(void) { return 42; }
